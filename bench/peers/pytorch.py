"""The workloads of `unfold bench` in PyTorch, eager mode: one JSON line for each.

    python bench/peers/pytorch.py [--threads N] [WORKLOAD ...]

Shapes, optimizers, clipping and dropout are those of steps.rs and images.rs in crates/cli/src/commands/bench.
`peak_mb` is the process's, so it is a workload's own only where one runs alone.
"""

import argparse
import json
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

# The layout of images that PyTorch is faster with.
FORMAT = torch.channels_last

# A workload runs at least so many seconds and times, but stops after TOO_LONG with 3 runs.
ENOUGH, RUNS, TOO_LONG = 2.0, 7, 8.0


def trained(model, optimizer, loss, clip=None):
    """A training step as a function without arguments."""
    model.train()

    def step():
        optimizer.zero_grad(set_to_none=True)
        value = loss(model)
        value.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()

    return step


def answered(model, *inputs):
    """An answer as a function without arguments."""
    model.eval()

    def answer():
        with torch.inference_mode():
            model(*inputs)

    return answer


class LanguageModel(nn.Module):
    def __init__(self, cell, layers, size, hidden, vocabulary, dropout):
        super().__init__()
        self.words = nn.Embedding(vocabulary, size)
        kind = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.recurrent = kind(size, hidden, layers, dropout=dropout)
        self.head = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words):  # [T, B]
        y, _ = self.recurrent(self.dropout(self.words(words)))
        return self.head(self.dropout(y))


def language_model(cell, layers, size, dropout, b=20, t=35, vocabulary=10_000, hidden=None, adam=False):
    model = LanguageModel(cell, layers, size, hidden or size, vocabulary, dropout)
    inputs = torch.randint(vocabulary, (t, b))
    targets = torch.randint(vocabulary, (t * b,))
    if adam:
        optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    else:
        optimizer = torch.optim.SGD(model.parameters(), 1.0)
    loss = lambda m: F.cross_entropy(m(inputs).flatten(0, 1), targets)
    return trained(model, optimizer, loss, clip=5.0)


class LongModel(nn.Module):
    """A language model whose segments, about √T steps each, may be computed again on the way back."""

    def __init__(self, again):
        super().__init__()
        self.words = nn.Embedding(65, 64)
        self.recurrent = nn.LSTM(64, 128)
        self.head = nn.Linear(128, 65)
        self.again = again

    def segment(self, words, targets, h, c):  # [T, B] twice, [1, B, D] twice
        y, (h, c) = self.recurrent(self.words(words), (h, c))
        loss = F.cross_entropy(self.head(y).flatten(0, 1), targets.flatten(), reduction="sum")
        return loss, h, c

    def forward(self, words, targets):
        state = [torch.zeros(1, words.shape[1], 128)] * 2
        if not self.again:
            return self.segment(words, targets, *state)[0] / words.numel()
        total = 0.0
        steps = int(len(words) ** 0.5)
        for part in zip(words.split(steps), targets.split(steps)):
            loss, *state = checkpoint(self.segment, *part, *state, use_reentrant=False)
            total = total + loss
        return total / words.numel()


def long_model(t, again=False, b=16):
    model = LongModel(again)
    words, targets = torch.randint(65, (t, b)), torch.randint(65, (t, b))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    return trained(model, optimizer, lambda m: m(words, targets), clip=5.0)


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20_000, 128)
        self.convolutions = nn.ModuleList(nn.Conv1d(128, 100, k) for k in (3, 4, 5))
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(300, 20)

    def forward(self, words):  # [B, T]
        x = self.words(words).transpose(1, 2)
        pooled = [F.relu(c(x).amax(2)) for c in self.convolutions]
        return self.head(self.dropout(torch.cat(pooled, 1)))


def textcnn(b):
    model = TextCnn()
    inputs, targets = torch.randint(20_000, (b, 400)), torch.randint(20, (b,))
    optimizer = torch.optim.Adam(model.parameters())
    return trained(model, optimizer, lambda m: F.cross_entropy(m(inputs), targets))


class BiLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20_000, 128)
        self.lstm = nn.LSTM(128, 128, bidirectional=True, batch_first=True)
        self.head = nn.Linear(256, 20)

    def forward(self, words, lengths=None):  # [B, T], [B] or all of length T
        x = self.words(words)
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(x)
        return self.head(torch.cat([h[0], h[1]], 1))


# The lengths that steps.rs draws.
LENGTHS = [
    *[82, 239, 323, 96, 227, 100, 176, 125, 47, 148, 117, 193, 79, 365, 345, 338],
    *[333, 312, 121, 155, 107, 397, 282, 358, 196, 153, 288, 339, 345, 218, 226, 59],
]


def bilstm():
    model = BiLstm()
    lengths = torch.tensor(LENGTHS)
    inputs = torch.randint(20_000, (len(LENGTHS), max(LENGTHS)))
    targets = torch.randint(20, (len(LENGTHS),))
    optimizer = torch.optim.Adam(model.parameters())
    return trained(model, optimizer, lambda m: F.cross_entropy(m(inputs, lengths), targets))


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = nn.Linear(4096, 512)
        self.words = nn.Embedding(8800, 512)
        self.lstm = nn.LSTM(512, 512)
        self.head = nn.Linear(512, 8800)

    def forward(self, images, words):  # [B, 4096], [T - 1, B]
        x = torch.cat([self.image(images)[None], self.words(words)])
        return self.head(self.lstm(x)[0])


def captioner(b=100, t=17):
    model = Captioner()
    images, words = torch.rand(b, 4096) * 2 - 1, torch.randint(8800, (t - 1, b))
    targets = torch.randint(8800, (t * b,))
    optimizer = torch.optim.Adam(model.parameters())
    loss = lambda m: F.cross_entropy(m(images, words).flatten(0, 1), targets)
    return trained(model, optimizer, loss, clip=5.0)


class Vqa(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(14_000, 300)
        self.lstm = nn.LSTM(300, 512, 2)
        self.question = nn.Linear(2048, 1024)
        self.image = nn.Linear(4096, 1024)
        self.hidden = nn.Linear(1024, 1000)
        self.head = nn.Linear(1000, 1000)

    def forward(self, images, words):  # [B, 4096], [T, B]
        _, (h, c) = self.lstm(self.words(words))
        asked = torch.tanh(self.question(torch.cat([*h, *c], 1)))
        joint = asked * torch.tanh(self.image(images))
        return self.head(torch.tanh(self.hidden(joint)))


def vqa(b=256, t=14):
    model = Vqa()
    images, words = torch.rand(b, 4096) * 2 - 1, torch.randint(14_000, (t, b))
    targets = torch.randint(1000, (b,))
    optimizer = torch.optim.Adam(model.parameters())
    return trained(model, optimizer, lambda m: F.cross_entropy(m(images, words), targets))


class NextWord(nn.Module):
    """A language model that reads one word and carries its state along."""

    def __init__(self):
        super().__init__()
        self.model = LanguageModel("lstm", 2, 650, 650, 10_000, 0.5)

    def forward(self, words, h, c):  # [1, 1], [layers, 1, D] twice
        y, (h, c) = self.model.recurrent(self.model.words(words), (h, c))
        return self.model.head(y), h, c


def next_word():
    return NextWord(), torch.tensor([[7]]), torch.zeros(2, 1, 650), torch.zeros(2, 1, 650)


def classifier(model, images, classes):
    """Trains a network of images by SGD with momentum."""
    model, images = model.to(memory_format=FORMAT), images.to(memory_format=FORMAT)
    targets = torch.randint(classes, (len(images),))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    return trained(model, optimizer, lambda m: F.cross_entropy(m(images), targets))


def of_image(model, image):
    """A network of images and the one that it is asked about."""
    return model.to(memory_format=FORMAT), image.to(memory_format=FORMAT)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def normed(c, o, kernel, stride=1):
    """A convolution without bias, then batch norm."""
    convolution = nn.Conv2d(c, o, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(o))


class Block(nn.Module):
    """A basic block of He et al. (2016)."""

    def __init__(self, c, o, stride):
        super().__init__()
        self.first = normed(c, o, 3, stride)
        self.second = normed(o, o, 3)
        self.shortcut = normed(c, o, 1, stride) if stride > 1 or c != o else nn.Identity()

    def forward(self, x):
        y = F.relu(self.first(x), inplace=True)
        return F.relu(self.second(y) + self.shortcut(x), inplace=True)


def resnet18(stem, classes):
    widths = [64, 64, 128, 256, 512]
    blocks = []
    for i, (c, o) in enumerate(zip(widths, widths[1:])):
        blocks += [Block(c, o, 2 if i else 1), Block(o, o, 1)]
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


def resnet18_cifar():
    return resnet18(nn.Sequential(normed(3, 64, 3), nn.ReLU(inplace=True)), 10)


def resnet18_imagenet():
    stem = nn.Sequential(normed(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1))
    return resnet18(stem, 1000)


class SamePadded(nn.Conv2d):
    """A convolution padded as TensorFlow pads: one more after than before where the two differ."""

    def forward(self, x):
        k, s = self.kernel_size[0], self.stride[0]
        around = [max((-(-size // s) - 1) * s + k - size, 0) for size in (x.shape[3], x.shape[2])]
        x = F.pad(x, [part for total in around for part in (total // 2, total - total // 2)])
        return super().forward(x)


def lite(c, o, kernel, stride=1, groups=1, relu=True):
    """A convolution of an EfficientNet-Lite, batch norm and ReLU6."""
    layers = [SamePadded(c, o, kernel, stride, groups=groups, bias=False), nn.BatchNorm2d(o, eps=1e-3)]
    return nn.Sequential(*layers, *([nn.ReLU6(inplace=True)] if relu else []))


class Inverted(nn.Module):
    """An inverted residual block (Sandler et al. 2018)."""

    def __init__(self, c, o, widen, stride, kernel):
        super().__init__()
        inner = c * widen
        expand = [lite(c, inner, 1)] if widen > 1 else []
        depthwise = lite(inner, inner, kernel, stride, groups=inner)
        self.body = nn.Sequential(*expand, depthwise, lite(inner, o, 1, relu=False))
        self.adds = stride == 1 and c == o

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


def efficientnet_lite0():
    # Times that a block widens its input, channels, blocks, stride of the first, kernel.
    stages = [
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    ]
    layers, c = [lite(3, 32, 3, 2)], 32
    for widen, o, blocks, stride, kernel in stages:
        for i in range(blocks):
            layers.append(Inverted(c, o, widen, stride if i == 0 else 1, kernel))
            c = o
    layers += [lite(c, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers)


# Networks that answer, with the inputs of one answer.
ANSWERS = {
    "lstm_650_step_b1_infer": next_word,
    "textcnn_b1_infer": lambda: (TextCnn(), torch.randint(20_000, (1, 400))),
    "bilstm_b1_infer": lambda: (BiLstm(), torch.randint(20_000, (1, 220))),
    "lenet_b1_infer": lambda: of_image(lenet(), torch.rand(1, 1, 28, 28)),
    "resnet18_224_b1_infer": lambda: of_image(resnet18_imagenet(), torch.rand(1, 3, 224, 224)),
    "efficientnet_lite0_224_b1_infer": lambda: of_image(efficientnet_lite0(), torch.rand(1, 3, 224, 224)),
}

WORKLOADS = {
    "elman_ptb_200_train": lambda: language_model("elman", 1, 200, 0.0),
    "lstm_ptb_small_train": lambda: language_model("lstm", 2, 200, 0.0),
    "lstm_ptb_medium_train": lambda: language_model("lstm", 2, 650, 0.5),
    "gru_ptb_small_train": lambda: language_model("gru", 2, 200, 0.0),
    "charlstm_128x2_train": lambda: language_model(
        "lstm", 2, 64, 0.0, b=50, t=50, vocabulary=65, hidden=128, adam=True
    ),
    "lstm_t50_train": lambda: long_model(50),
    "lstm_t400_train": lambda: long_model(400),
    "lstm_t3200_train": lambda: long_model(3200),
    "lstm_b64_train": lambda: long_model(50, b=64),
    "lstm_b256_train": lambda: long_model(50, b=256),
    "lstm_t3200_checkpoint_train": lambda: long_model(3200, again=True),
    "textcnn_20ng_train": lambda: textcnn(50),
    "bilstm_20ng_ragged_train": bilstm,
    "captioner_train": captioner,
    "vqa_train": vqa,
    "lenet_mnist_b64_train": lambda: classifier(lenet(), torch.rand(64, 1, 28, 28), 10),
    "resnet18_cifar_b64_train": lambda: classifier(resnet18_cifar(), torch.rand(64, 3, 32, 32), 10),
} | {name: lambda prepare=prepare: answered(*prepare()) for name, prepare in ANSWERS.items()}


def measure(run):
    for _ in range(2):
        run()
    began, times = time.perf_counter(), []
    while True:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
        spent = time.perf_counter() - began
        if (spent > ENOUGH and len(times) >= RUNS) or (spent > TOO_LONG and len(times) >= 3):
            return sorted(times)


def peak_mb():
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(peer, workloads):
    """Measures those of the workloads that the command line names."""
    parser = argparse.ArgumentParser(description=f"The workloads of `unfold bench` in {peer}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("workloads", nargs="*", default=list(workloads))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    print(json.dumps({"peer": peer, "peak_mb": peak_mb()}), flush=True)
    for name in options.workloads:
        times = measure(workloads[name]())
        line = {"workload": name, "median_ms": times[len(times) // 2] * 1e3, "min_ms": times[0] * 1e3}
        line |= {"threads": options.threads, "runs": len(times), "peak_mb": peak_mb()}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(f"PyTorch {torch.__version__}", WORKLOADS)
