#!/usr/bin/env python3
"""Writes the PyTorch values that Unfold's layers, losses, optimizers and schedules are tested against.

    pip install torch numpy
    python tools/reference.py            # writes crates/unfold/tests/reference/*.json
    python tools/reference.py recurrent  # writes that one alone

Everything is computed in float64 on the CPU from a fixed seed; inputs and parameters are rounded to three
decimals, so that the files stay small. A file is `{"torch": version, "cases": [case…]}`; a case has a
`name`, scalar settings, and `tensors`, each `{"shape": […], "data": […]}`, whose names read

    x, w, b …        inputs and parameters, in Unfold's layout (a linear weight is [C, O], not [O, C])
    y …              the outputs
    d_y …            the upstream gradients: the loss is sum(y * d_y) over all outputs
    grad_x, grad_w … the gradients of that loss

Ragged batches are packed time-major, longest sequence first: the rows of all sequences alive at time 0,
then those at time 1, … (the order of PyTorch's PackedSequence). Images are [B, H, W, C].
"""

import json
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/unfold/tests/reference"
LENGTHS = [5, 3, 3, 1]


def rand(*shape, scale=1.0):
    """Random values, exact in three decimals."""
    return torch.round(torch.randn(*shape, dtype=torch.float64) * scale * 1000) / 1000


def stored(tensor):
    tensor = tensor.detach()
    return {"shape": list(tensor.shape), "data": tensor.contiguous().flatten().tolist()}


def case(name, tensors, **settings):
    return {"name": name, **settings, "tensors": {k: stored(v) for k, v in tensors.items() if v is not None}}


def write(topic, cases):
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    text = f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n'
    (OUT / f"{topic}.json").write_text(text)
    print(f"{topic}.json: {len(cases)} cases, {len(text)} bytes")


def leaf(tensor):
    return tensor.clone().requires_grad_()


def backward(*pairs):
    """Back-propagates sum(output * upstream) over all pairs."""
    sum((y * dy).sum() for y, dy in pairs).backward()


def pack(sequences):
    """[len, C] each, longest first -> [sum(len), C], time-major."""
    steps = max(len(s) for s in sequences)
    return torch.stack([s[t] for t in range(steps) for s in sequences if t < len(s)])


def unpack(rows, lengths):
    sequences = [[] for _ in lengths]
    row = 0
    for t in range(max(lengths)):
        for b, length in enumerate(lengths):
            if t < length:
                sequences[b].append(rows[row])
                row += 1
    return [torch.stack(s) for s in sequences]


# ---------------------------------------------------------------- layers


def linear():
    cases = []
    for bias in (True, False):
        x, w = leaf(rand(4, 3)), leaf(rand(5, 3))
        b = leaf(rand(5)) if bias else None
        y = F.linear(x, w, b)
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(
            case(
                f"linear bias={bias}",
                dict(x=x, w=w.T, b=b, y=y, d_y=dy, grad_x=x.grad, grad_w=w.grad.T, grad_b=b.grad if bias else None),
            )
        )
    write("linear", cases)


def embedding():
    w = leaf(rand(6, 3))
    ids = torch.tensor([1, 4, 1, 0, 5, 1, 4])
    y = F.embedding(ids, w)
    dy = rand(*y.shape)
    backward((y, dy))
    cases = [case("gather", dict(w=w, y=y, d_y=dy, grad_w=w.grad), ids=ids.tolist())]

    w = leaf(rand(6, 3))
    ids, offsets, weights = torch.tensor([2, 2, 3, 0, 5, 1]), [0, 3, 3, 6], rand(6)
    y = F.embedding_bag(ids, w, torch.tensor(offsets), mode="sum", per_sample_weights=weights, include_last_offset=True)
    dy = rand(*y.shape)
    backward((y, dy))
    cases.append(
        case("bag", dict(w=w, weights=weights, y=y, d_y=dy, grad_w=w.grad), ids=ids.tolist(), offsets=offsets)
    )
    write("embedding", cases)


def conv1d():
    cases = []
    for kernel, stride, padding, dilation in [
        (1, 1, 0, 1),
        (3, 1, 1, 1),
        (3, 2, 1, 1),
        (4, 1, 3, 1),
        (3, 1, 2, 2),
        (2, 3, 2, 2),
        (5, 2, 4, 1),
    ]:
        x, w, b = leaf(rand(sum(LENGTHS), 3)), leaf(rand(4, 3, kernel)), leaf(rand(4))
        # each sequence alone through the convolution, as [1, C, T]
        outputs = [
            F.conv1d(s.T[None], w, b, stride=stride, padding=padding, dilation=dilation)[0].T
            for s in unpack(x, LENGTHS)
        ]
        y = pack(outputs)
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(
            case(
                f"conv1d kernel={kernel} stride={stride} padding={padding} dilation={dilation}",
                dict(
                    x=x,
                    w=w.permute(2, 1, 0),
                    b=b,
                    y=y,
                    d_y=dy,
                    grad_x=x.grad,
                    grad_w=w.grad.permute(2, 1, 0),
                    grad_b=b.grad,
                ),
                lengths=LENGTHS,
                out_lengths=[len(o) for o in outputs],
                kernel=kernel,
                stride=stride,
                padding=padding,
                dilation=dilation,
            )
        )
    write("conv1d", cases)


def conv2d():
    cases = []
    # kernel, stride, padding [[above, below], [left, right]], dilation, groups, channels in and out, size
    for kernel, stride, padding, dilation, groups, (c, o), (h, w) in [
        ([1, 1], [1, 1], [[0, 0], [0, 0]], [1, 1], 1, (3, 4), (3, 5)),
        ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1], 1, (3, 5), (5, 4)),
        ([3, 3], [2, 2], [[0, 1], [1, 0]], [1, 1], 1, (2, 3), (6, 7)),
        ([2, 3], [3, 1], [[1, 2], [0, 2]], [2, 1], 1, (17, 3), (5, 4)),
        ([5, 2], [1, 2], [[2, 2], [1, 0]], [1, 3], 1, (1, 4), (7, 5)),
        ([3, 3], [1, 2], [[1, 1], [1, 1]], [1, 1], 2, (4, 6), (4, 5)),
        ([3, 2], [2, 1], [[1, 0], [1, 1]], [1, 2], 5, (5, 5), (5, 4)),
        ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1], 3, (3, 6), (3, 4)),
    ]:
        x, weight, b = leaf(rand(2, h, w, c)), leaf(rand(o, c // groups, *kernel)), leaf(rand(o))
        padded = F.pad(x.permute(0, 3, 1, 2), [*padding[1], *padding[0]])
        y = F.conv2d(padded, weight, b, stride=stride, dilation=dilation, groups=groups)
        y = y.permute(0, 2, 3, 1)
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(
            case(
                f"conv2d kernel={kernel} stride={stride} padding={padding} dilation={dilation} groups={groups}",
                dict(
                    x=x,
                    w=weight.permute(2, 3, 1, 0),
                    b=b,
                    y=y,
                    d_y=dy,
                    grad_x=x.grad,
                    grad_w=weight.grad.permute(2, 3, 1, 0),
                    grad_b=b.grad,
                ),
                kernel=kernel,
                stride=stride,
                padding=padding,
                dilation=dilation,
                groups=groups,
            )
        )
    write("conv2d", cases)


def pool():
    cases = []
    for name, reduce in [("max", lambda s: s.max(dim=0).values), ("mean", lambda s: s.mean(dim=0))]:
        x = leaf(rand(sum(LENGTHS), 3))
        y = torch.stack([reduce(s) for s in unpack(x, LENGTHS)])
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(case(name, dict(x=x, y=y, d_y=dy, grad_x=x.grad), pool=name, lengths=LENGTHS))
    write("pool", cases)


def layer_norm():
    cases = []
    for channels in (5, 19):
        x, w, b = leaf(rand(4, channels)), leaf(rand(channels)), leaf(rand(channels))
        y = F.layer_norm(x, (channels,), w, b, eps=1e-5)
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(
            case(
                f"layer_norm channels={channels}",
                dict(x=x, w=w, b=b, y=y, d_y=dy, grad_x=x.grad, grad_w=w.grad, grad_b=b.grad),
            )
        )
    write("layer_norm", cases)


def first(images):
    """[B, H, W, C] -> PyTorch's [B, C, H, W]"""
    return images.permute(0, 3, 1, 2)


def last(images):
    """[B, C, H, W] -> [B, H, W, C]"""
    return images.permute(0, 2, 3, 1)


def activation():
    """Functions of one element, and softmax over the last axis."""
    functions = {
        "relu6": F.relu6,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "silu": F.silu,
        "gelu": F.gelu,  # the exact form
        "hard_swish": F.hardswish,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "softmax": lambda x: F.softmax(x, -1),
        "relu": F.relu,
    }
    cases = []
    for name, function in functions.items():
        x = leaf(rand(5, 7, scale=4))
        y = function(x)
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(case(name, dict(x=x, y=y, d_y=dy, grad_x=x.grad)))
    write("activation", cases)


def conv_transpose2d():
    cases = []
    # kernel, stride, padding, output padding, dilation, groups, channels in and out, size
    for kernel, stride, padding, more, dilation, groups, (c, o), (h, w) in [
        ([1, 1], [1, 1], [0, 0], [0, 0], [1, 1], 1, (3, 4), (3, 5)),
        ([2, 2], [2, 2], [0, 0], [0, 0], [1, 1], 1, (3, 2), (4, 3)),
        ([3, 3], [2, 2], [1, 1], [1, 1], [1, 1], 1, (2, 5), (3, 4)),
        ([4, 3], [3, 1], [2, 0], [2, 0], [1, 2], 1, (17, 3), (3, 4)),
        ([3, 2], [1, 3], [1, 0], [0, 1], [2, 1], 2, (4, 6), (4, 3)),
        ([3, 3], [2, 2], [1, 1], [0, 1], [1, 1], 3, (3, 3), (4, 3)),
    ]:
        x, weight, b = leaf(rand(2, h, w, c)), leaf(rand(c, o // groups, *kernel)), leaf(rand(o))
        y = last(F.conv_transpose2d(first(x), weight, b, stride, padding, more, groups, dilation))
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(
            case(
                f"conv_transpose2d kernel={kernel} stride={stride} padding={padding} output_padding={more} "
                f"dilation={dilation} groups={groups}",
                dict(
                    x=x,
                    w=weight.permute(2, 3, 1, 0),
                    b=b,
                    y=y,
                    d_y=dy,
                    grad_x=x.grad,
                    grad_w=weight.grad.permute(2, 3, 1, 0),
                    grad_b=b.grad,
                ),
                kernel=kernel,
                stride=stride,
                padding=[[p, p] for p in padding],
                output_padding=more,
                dilation=dilation,
                groups=groups,
            )
        )
    write("conv_transpose2d", cases)


def group_norm():
    cases = []
    for shape, groups in [((2, 3, 4, 6), 3), ((3, 2, 2, 5), 5), ((2, 3, 3, 4), 1), ((4, 6), 2)]:
        channels = shape[-1]
        x, w, b = leaf(rand(*shape)), leaf(rand(channels)), leaf(rand(channels))
        images = len(shape) == 4
        y = F.group_norm(first(x) if images else x, groups, w, b, eps=1e-5)
        y = last(y) if images else y
        dy = rand(*y.shape)
        backward((y, dy))
        tensors = dict(x=x, w=w, b=b, y=y, d_y=dy, grad_x=x.grad, grad_w=w.grad, grad_b=b.grad)
        cases.append(case(f"group_norm {list(shape)} groups={groups}", tensors, groups=groups))
    write("group_norm", cases)


def pool2d():
    cases = []

    def add(name, reduce, **settings):
        x = leaf(rand(2, 7, 6, 3))
        y = last(reduce(first(x)))
        dy = rand(*y.shape)
        backward((y, dy))
        cases.append(case(name, dict(x=x, y=y, d_y=dy, grad_x=x.grad), **settings))

    for kernel, stride, padding in [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((3, 2), (1, 3), (1, 0))]:
        for ceil_mode in (False, True):
            sizes = dict(kernel=kernel, stride=stride, padding=[(p, p) for p in padding], ceil_mode=ceil_mode)
            add(
                f"max_pool2d {sizes}",
                lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode),
                pool="max",
                count_include_pad=True,
                **sizes,
            )
            for count in (True, False):
                add(
                    f"avg_pool2d count_include_pad={count} {sizes}",
                    lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode, count),
                    pool="mean",
                    count_include_pad=count,
                    **sizes,
                )
    for output in [(1, 1), (3, 4), (7, 5)]:
        add(f"adaptive_max_pool2d {output}", lambda x: F.adaptive_max_pool2d(x, output), pool="max", output=output)
        add(f"adaptive_avg_pool2d {output}", lambda x: F.adaptive_avg_pool2d(x, output), pool="mean", output=output)
    write("pool2d", cases)


def batch_norm():
    """Three batches in training, gradients of the third, then one in evaluation."""
    cases = []
    for shape in [(3, 2, 4, 5), (6, 4)]:
        for relu in (False, True):
            images, channels = len(shape) == 4, shape[-1]
            module = (nn.BatchNorm2d if images else nn.BatchNorm1d)(channels).double()
            w, b = module.weight, module.bias
            with torch.no_grad():
                w.copy_(rand(channels))
                b.copy_(rand(channels))

            def run(x):
                y = last(module(first(x))) if images else module(x)
                return torch.relu(y) if relu else y

            tensors = dict(w=w, b=b)
            for step in range(3):
                x = leaf(rand(*shape) + step)
                y = run(x)
                tensors |= {f"x{step}": x, f"y{step}": y}
            dy = rand(*shape)
            backward((y, dy))
            tensors |= dict(d_y=dy, grad_x=x.grad, grad_w=w.grad.clone(), grad_b=b.grad.clone())
            tensors |= dict(running_mean=module.running_mean.clone(), running_var=module.running_var.clone())
            module.eval()
            x = leaf(rand(*shape))
            y = run(x)
            w.grad, b.grad = None, None
            backward((y, dy))
            tensors |= dict(x_eval=x, y_eval=y, grad_x_eval=x.grad, grad_w_eval=w.grad, grad_b_eval=b.grad)
            cases.append(case(f"batch_norm {list(shape)} relu={relu}", tensors, relu=relu))
    write("batch_norm", cases)


def same(x, kernel, stride, dilation, fill=0.0):
    """[B, C, H, W] with what TensorFlow pads for "SAME": tensorflow.org/api_docs/python/tf/nn, notes on padding"""
    sides = []
    for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation):
        outputs = -(-size // s)
        pad = max((outputs - 1) * s + (k - 1) * d + 1 - size, 0)
        sides.append([pad // 2, pad - pad // 2])
    return F.pad(x, [*sides[1], *sides[0]], value=fill)


def run_layers(layers, x, params, within=""):
    """What layers, as recipes write them, make of images [B, C, H, W] or vectors; adds their parameters to `params`."""

    def param(name, *shape):
        return params.setdefault(f"{within}{layer['name']}.{name}", leaf(rand(*shape)))

    for layer in layers:
        kind = layer["layer"]
        kernel, stride, dilation = (layer.get(key, [1, 1]) for key in ("kernel", "stride", "dilation"))
        match kind:
            case "conv2d":
                groups = layer.get("groups", 1)
                w = param("weight", layer["channels"], x.shape[1] // groups, *kernel)
                b = param("bias", layer["channels"]) if layer["bias"] else None
                if stride == [1, 1]:
                    x = F.conv2d(x, w, b, padding="same", dilation=dilation, groups=groups)
                else:
                    x = F.conv2d(same(x, kernel, stride, dilation), w, b, stride, dilation=dilation, groups=groups)
            case "conv_transpose2d":
                # the gradient of a convolution the other way, whose output it takes for a gradient
                w, b = param("weight", x.shape[1], layer["channels"], *kernel), param("bias", layer["channels"])
                size = [extent * s for extent, s in zip(x.shape[2:], stride)]
                larger = torch.zeros(len(x), layer["channels"], *size, dtype=x.dtype, requires_grad=True)
                smaller = F.conv2d(same(larger, kernel, stride, dilation), w, None, stride, dilation=dilation)
                (x,) = torch.autograd.grad(smaller, larger, x, create_graph=True)
                x = x + b[:, None, None]
            case "batch_norm":
                x = F.batch_norm(x, None, None, param("weight", x.shape[1]), param("bias", x.shape[1]), training=True)
            case "max_pool":
                x = F.max_pool2d(same(x, kernel, stride, dilation, -torch.inf), kernel, stride)
            case "avg_pool":
                sums = F.avg_pool2d(same(x, kernel, stride, dilation), kernel, stride)
                x = sums / F.avg_pool2d(same(torch.ones_like(x), kernel, stride, dilation), kernel, stride)
            case "residual":
                inner = f"{within}{layer['name']}."
                x = run_layers(layer["body"], x, params, inner) + run_layers(layer["shortcut"], x, params, inner)
            case "parallel":
                inner = f"{within}{layer['name']}."
                x = torch.cat([run_layers(branch, x, params, inner) for branch in layer["branches"]], 1)
            case "linear":
                x = F.linear(x, param("weight", layer["size"], x.shape[1]), param("bias", layer["size"]))
            case "flatten":
                x = last(x).flatten(1)
            case "relu":
                x = torch.relu(x)
    return x


def ours(tensor):
    """A parameter in Unfold's layout."""
    match tensor.dim():
        case 4:
            return tensor.permute(2, 3, 1, 0)
        case 2:
            return tensor.T
    return tensor


def layer_list():
    """Layers as recipes write them: sizes that padding = "same" gives, sums, branches, and what flatten puts in a row."""

    def conv(name, channels, kernel, stride=(1, 1), dilation=(1, 1), groups=1, bias=True):
        sizes = dict(kernel=list(kernel), stride=list(stride), dilation=list(dilation))
        return dict(layer="conv2d", name=name, channels=channels, padding="same", groups=groups, bias=bias, **sizes)

    def normed(name, channels, kernel, stride=(1, 1)):
        return [conv(name, channels, kernel, stride, bias=False), dict(layer="batch_norm", name=f"{name}_norm")]

    def pool(kind, kernel, stride, **more):
        return dict(layer=kind, kernel=list(kernel), stride=list(stride), padding="same", **more)

    relu, flatten = dict(layer="relu"), dict(layer="flatten")
    cases = []

    def add(name, size, layers):
        h, w, c = size
        x, params = leaf(rand(2, h, w, c)), {}
        y = run_layers(layers, first(x), params)
        y = last(y) if y.dim() == 4 else y
        dy = rand(*y.shape)
        backward((y, dy))
        tensors = dict(x=x, y=y, d_y=dy, grad_x=x.grad)
        for key, value in params.items():
            tensors |= {f"param:{key}": ours(value), f"grad:{key}": ours(value.grad)}
        cases.append(case(name, tensors, layers=layers))

    for kernel, dilation, groups in [
        *[((2, 2), (1, 1), 1), ((3, 3), (1, 1), 1), ((4, 4), (1, 1), 1), ((2, 3), (1, 2), 1)],
        *[((4, 2), (2, 3), 1), ((3, 4), (3, 1), 1), ((4, 2), (1, 1), 2)],
    ]:
        name = f"conv2d same kernel={kernel} dilation={dilation} groups={groups}"
        add(name, (5, 7, 2), [conv("conv", 2, kernel, dilation=dilation, groups=groups)])
    for kernel, stride, dilation, size in [
        *[((2, 2), (2, 2), (1, 1), (5, 7)), ((3, 3), (2, 2), (1, 1), (5, 7)), ((3, 3), (2, 2), (1, 1), (6, 4))],
        *[((4, 4), (2, 2), (1, 1), (5, 7)), ((4, 2), (2, 3), (1, 1), (5, 7)), ((2, 3), (1, 2), (1, 1), (7, 5))],
        *[((3, 2), (2, 3), (2, 1), (5, 7)), ((1, 1), (2, 3), (1, 1), (5, 7))],
    ]:
        name = f"conv2d same kernel={kernel} stride={stride} dilation={dilation} size={size}"
        add(name, (*size, 2), [conv("conv", 2, kernel, stride, dilation)])
        if size == (5, 7) and kernel != (1, 1):
            stretched = conv("conv", 2, kernel, stride, dilation) | dict(layer="conv_transpose2d")
            add(f"conv_transpose2d same kernel={kernel} stride={stride} dilation={dilation}", (3, 4, 2), [stretched])
    for kernel, stride in [((2, 2), (2, 2)), ((2, 3), (1, 2)), ((3, 3), (2, 2)), ((4, 4), (2, 3))]:
        add(f"max_pool same kernel={kernel} stride={stride}", (5, 7, 2), [pool("max_pool", kernel, stride)])
        means = pool("avg_pool", kernel, stride, count_include_pad=False)
        add(f"avg_pool same kernel={kernel} stride={stride}", (5, 7, 2), [means])

    body = [*normed("a", 3, (3, 2)), relu, conv("b", 2, (2, 2))]
    plain = dict(layer="residual", name="block", body=body, shortcut=[])
    add("residual", (5, 7, 2), [plain])
    add("residual relu", (5, 7, 2), [plain, relu])
    smaller = [*normed("a", 5, (3, 4), (2, 2)), relu, *normed("b", 5, (3, 3))]
    shortcut = normed("down", 5, (1, 1), (2, 2))
    add("residual shortcut", (5, 7, 3), [dict(layer="residual", name="block", body=smaller, shortcut=shortcut), relu])
    branches = [
        [],
        [conv("one", 2, (1, 1)), relu],
        [*normed("narrow", 2, (1, 1)), relu, conv("wide", 3, (4, 2))],
        [pool("max_pool", (3, 2), (1, 1)), conv("pooled", 1, (1, 1))],
    ]
    add("parallel", (5, 7, 3), [dict(layer="parallel", name="mixed", branches=branches)])
    inner = dict(layer="residual", name="inner", body=[conv("conv", 2, (2, 2))], shortcut=[conv("down", 2, (1, 1))])
    deep = dict(layer="parallel", name="mixed", branches=[[inner, relu], [conv("beside", 1, (3, 3))]])
    add("parallel residual", (4, 5, 2), [conv("stem", 3, (3, 3)), deep, relu])
    add("flatten", (3, 5, 2), [flatten])
    head = dict(layer="linear", name="head", size=4)
    add("flatten linear", (5, 3, 2), [conv("conv", 3, (2, 2), (2, 2)), relu, flatten, head])
    write("layer_list", cases)


# ---------------------------------------------------------------- recurrent

CELLS = {
    "elman_tanh": lambda **k: nn.RNN(nonlinearity="tanh", **k),
    "elman_relu": lambda **k: nn.RNN(nonlinearity="relu", **k),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}


def recurrent_parameters(module, cell, values):
    """Unfold's parameters (or their gradients): one bias per gate; a GRU's candidate keeps a second."""
    out = {}
    d = module.hidden_size
    grads = values == "grad"
    read = (lambda p: p.grad) if grads else (lambda p: p.data)
    for layer in range(module.num_layers):
        for direction in range(2 if module.bidirectional else 1):
            theirs = f"l{layer}" + ("_reverse" if direction else "")
            ours = f"layer{layer}." + ("backward" if direction else "forward")
            get = lambda name: read(getattr(module, f"{name}_{theirs}"))
            out[f"{ours}.w_ih"] = get("weight_ih").T
            out[f"{ours}.w_hh"] = get("weight_hh").T
            b_ih, b_hh = get("bias_ih"), get("bias_hh")
            if cell == "gru":
                bias = b_ih.clone()
                if not grads:
                    bias[: 2 * d] += b_hh[: 2 * d]
                out[f"{ours}.bias"] = bias
                out[f"{ours}.bias_hn"] = b_hh[2 * d :]
            else:
                out[f"{ours}.bias"] = b_ih if grads else b_ih + b_hh
    return out


def recurrent():
    cases = []
    small = dict(lengths=LENGTHS, input_size=2, hidden_size=3)
    wide = dict(lengths=[6, 4, 4, 2, 1, 1], input_size=3, hidden_size=9)
    grid = [
        (cell, layers, bidirectional, states, small)
        for cell in CELLS
        for layers, bidirectional, states in [(1, False, False), (1, False, True), (1, True, True), (2, True, True)]
    ]
    grid += [(cell, 1, False, True, wide) for cell in CELLS]
    grid += [(cell, 2, False, True, small) for cell in CELLS]
    for cell, layers, bidirectional, states, size in grid:
        lengths, c, d = size["lengths"], size["input_size"], size["hidden_size"]
        batch, dirs = len(lengths), 2 if bidirectional else 1
        module = CELLS[cell](input_size=c, hidden_size=d, num_layers=layers, bidirectional=bidirectional).double()
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(rand(*p.shape, scale=0.5))
        x = leaf(rand(sum(lengths), c))
        padded = nn.utils.rnn.pad_sequence(unpack(x, lengths))
        packed = nn.utils.rnn.pack_padded_sequence(padded, lengths)
        assert torch.equal(packed.data, x)
        h0 = leaf(rand(layers * dirs, batch, d)) if states else None
        c0 = leaf(rand(layers * dirs, batch, d)) if states and cell == "lstm" else None
        if cell == "lstm":
            y, (h, cn) = module(packed, (h0, c0) if states else None)
        else:
            (y, h), cn = module(packed, h0), None
        dy, dh = rand(*y.data.shape), rand(*h.shape)
        dc = rand(*cn.shape) if cn is not None else None
        backward((y.data, dy), (h, dh), *([(cn, dc)] if cn is not None else []))
        tensors = dict(x=x, h0=h0, c0=c0, y=y.data, h=h, c=cn, d_y=dy, d_h=dh, d_c=dc, grad_x=x.grad)
        tensors["grad_h0"] = h0.grad if h0 is not None else None
        tensors["grad_c0"] = c0.grad if c0 is not None else None
        tensors |= {f"param:{k}": v for k, v in recurrent_parameters(module, cell, "data").items()}
        tensors |= {f"grad:{k}": v for k, v in recurrent_parameters(module, cell, "grad").items()}
        cases.append(
            case(
                f"{cell} layers={layers} bidirectional={bidirectional} states={states} hidden_size={d}",
                tensors,
                cell=cell,
                layers=layers,
                bidirectional=bidirectional,
                **size,
            )
        )
    write("recurrent", cases)


def layer_norm_lstm():
    """Ba et al. (2016), equations 20 to 22, one sequence at a time."""
    c, d, batch = 2, 3, len(LENGTHS)
    shapes = dict(w_ih=(c, 4 * d), w_hh=(d, 4 * d), gain_ih=(4 * d,), gain_hh=(4 * d,), bias=(4 * d,))
    p = {name: leaf(rand(*shape)) for name, shape in (shapes | dict(gain_c=(d,), bias_c=(d,))).items()}
    x, h0, c0 = leaf(rand(sum(LENGTHS), c)), leaf(rand(1, batch, d)), leaf(rand(1, batch, d))
    outputs, hs, cs = [], [], []
    for b, sequence in enumerate(unpack(x, LENGTHS)):
        h, cell, own = h0[0, b], c0[0, b], []
        for step in sequence:
            gates = F.layer_norm(step @ p["w_ih"], (4 * d,), p["gain_ih"], p["bias"])
            gates = gates + F.layer_norm(h @ p["w_hh"], (4 * d,), p["gain_hh"])
            i, f, g, o = gates.chunk(4)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(F.layer_norm(cell, (d,), p["gain_c"], p["bias_c"]))
            own.append(h)
        outputs.append(torch.stack(own))
        hs.append(h)
        cs.append(cell)
    y, h, cell = pack(outputs), torch.stack(hs), torch.stack(cs)
    dy, dh, dc = rand(*y.shape), rand(*h.shape), rand(*cell.shape)
    backward((y, dy), (h, dh), (cell, dc))
    leaves = p | dict(x=x, h0=h0, c0=c0)
    gradients = {f"grad_{name}": value.grad for name, value in leaves.items()}
    gradients |= {name: gradients[name][0] for name in ("grad_h0", "grad_c0")}
    tensors = leaves | gradients | dict(y=y, h=h, c=cell, d_y=dy, d_h=dh, d_c=dc)
    write("layer_norm_lstm", [case("layer_norm_lstm", tensors, lengths=LENGTHS)])


# ---------------------------------------------------------------- losses


def loss():
    cases = []
    class_weights = [0.5, 2.0, 1.0, 0.25]
    targets = torch.tensor([2, 0, 3, 1, 0])
    for smoothing in (0.0, 0.1):
        for weights in (None, class_weights):
            x = leaf(rand(5, 4, scale=2))
            weight = torch.tensor(weights, dtype=torch.float64) if weights else None
            y = F.cross_entropy(x, targets, weight=weight, label_smoothing=smoothing)
            y.backward()
            cases.append(
                case(
                    f"cross_entropy label_smoothing={smoothing} class_weights={weights is not None}",
                    dict(x=x, y=y, grad_x=x.grad),
                    loss="cross_entropy",
                    targets=targets.tolist(),
                    label_smoothing=smoothing,
                    class_weights=weights,
                )
            )
    x, t = leaf(rand(6, scale=3)), torch.tensor([1.0, 0.0, 0.25, 1.0, 0.0, 0.5], dtype=torch.float64)
    y = F.binary_cross_entropy_with_logits(x, t)
    y.backward()
    cases.append(case("binary_cross_entropy", dict(x=x, t=t, y=y, grad_x=x.grad), loss="binary_cross_entropy"))
    # summed over time and features, for all sequences of a ragged batch
    x, t = leaf(rand(sum(LENGTHS), 2)), rand(sum(LENGTHS), 2)
    y = sum(F.mse_loss(a, b, reduction="sum") for a, b in zip(unpack(x, LENGTHS), unpack(t, LENGTHS)))
    y.backward()
    cases.append(case("squared_error", dict(x=x, t=t, y=y, grad_x=x.grad), loss="squared_error"))
    write("loss", cases)


def activation_penalty():
    """AR and TAR (Merity et al. 2017), of the outputs of a recurrent layer before and after dropout."""
    cases = []
    for lengths in ([4, 4, 4], LENGTHS):
        alpha, beta = 2.0, 0.5
        x, dropped = leaf(rand(sum(lengths), 3)), leaf(rand(sum(lengths), 3))
        changes = torch.cat([s[1:] - s[:-1] for s in unpack(x, lengths)])
        y = alpha * dropped.pow(2).mean() + beta * changes.pow(2).mean()
        if len(set(lengths)) == 1:
            # as the authors' code has it, with h [T, B, D]
            h = x.view(lengths[0], len(lengths), -1)
            assert torch.allclose(y, alpha * dropped.pow(2).mean() + beta * (h[1:] - h[:-1]).pow(2).mean())
        y.backward()
        cases.append(
            case(
                f"activation_penalty lengths={lengths}",
                dict(x=x, dropped=dropped, y=y, grad_x=x.grad, grad_dropped=dropped.grad),
                lengths=lengths,
                alpha=alpha,
                beta=beta,
            )
        )
    write("activation_penalty", cases)


def adaptive_softmax():
    """The loss and all log probabilities, each with its gradients."""
    cases = []
    for cutoffs, div_value in [([4, 10], 2.0), ([5], 4.0), ([2, 3, 11], 1.5)]:
        module = nn.AdaptiveLogSoftmaxWithLoss(9, 20, cutoffs, div_value).double()
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(rand(*p.shape))
        named = {"head.weight": module.head.weight}
        for i, tail in enumerate(module.tail):
            named[f"tail{i}.projection.weight"], named[f"tail{i}.output.weight"] = tail[0].weight, tail[1].weight
        x = leaf(rand(6, 9))
        targets = torch.tensor([0, 19, 3, 7, 1, 12])
        loss, y = module(x, targets).loss, module.log_prob(x)
        dy = rand(*y.shape)
        tensors = dict(x=x, loss=loss, y=y, d_y=dy) | {f"param:{k}": w.T for k, w in named.items()}
        for kind, value in [("loss", loss), ("log", (y * dy).sum())]:
            x.grad = None
            for w in module.parameters():
                w.grad = torch.zeros_like(w)  # a tail without a target gets none
            value.backward()
            tensors[f"grad_{kind}_x"] = x.grad
            tensors |= {f"grad_{kind}:{k}": w.grad.T.clone() for k, w in named.items()}
        settings = dict(cutoffs=cutoffs, div_value=div_value, targets=targets.tolist())
        cases.append(case(f"adaptive_softmax cutoffs={cutoffs} div_value={div_value}", tensors, **settings))
    write("adaptive_softmax", cases)


# ---------------------------------------------------------------- optimizers

OPTIMIZERS = [
    ("sgd", torch.optim.SGD, {}, {}),
    ("sgd", torch.optim.SGD, dict(momentum=0.9), {}),
    ("sgd", torch.optim.SGD, dict(momentum=0.9, dampening=0.5), {}),
    ("sgd", torch.optim.SGD, dict(momentum=0.9, nesterov=True), {}),
    ("adam", torch.optim.Adam, {}, {}),
    ("adam", torch.optim.Adam, dict(beta1=0.8, beta2=0.95, epsilon=1e-4), dict(betas=(0.8, 0.95), eps=1e-4)),
    ("adamw", torch.optim.AdamW, {}, {}),
    ("rmsprop", torch.optim.RMSprop, {}, {}),
    ("rmsprop", torch.optim.RMSprop, dict(momentum=0.9), {}),
    ("rmsprop", torch.optim.RMSprop, dict(alpha=0.9, epsilon=1e-3, centered=True), dict(alpha=0.9, eps=1e-3)),
    ("rmsprop", torch.optim.RMSprop, dict(momentum=0.5, centered=True), {}),
    ("adadelta", torch.optim.Adadelta, {}, {}),
    ("adadelta", torch.optim.Adadelta, dict(rho=0.8, epsilon=1e-3), dict(rho=0.8, eps=1e-3)),
]
RENAMED = {"epsilon", "beta1", "beta2"}
AVERAGED_FROM = 4  # the step after which averaging begins


def optimizer():
    steps = 10
    weight, bias = rand(2, 3), rand(2)
    grads = rand(steps, 8)  # the weight's six, then the bias's two
    rates = [0.05 if t < 6 else 0.02 for t in range(steps)]
    cases = []
    for name, build, ours, theirs in OPTIMIZERS:
        for weight_decay in (0.0, 0.1):
            w, b = leaf(weight), leaf(bias)
            arguments = {k: v for k, v in ours.items() if k not in RENAMED} | theirs
            groups = [dict(params=[w], weight_decay=weight_decay), dict(params=[b], weight_decay=0.0)]
            stepper = build(groups, lr=rates[0], **arguments)
            trajectory, averages, averaged = [], [], None
            for t in range(steps):
                w.grad, b.grad = grads[t, :6].reshape(2, 3), grads[t, 6:]
                for group in stepper.param_groups:
                    group["lr"] = rates[t]
                stepper.step()
                trajectory.append(torch.cat([w.detach().flatten(), b.detach()]))
                if t == AVERAGED_FROM:
                    averaged = torch.optim.swa_utils.AveragedModel(nn.ParameterList([w, b]))
                if averaged is not None:
                    averaged.update_parameters(nn.ParameterList([w, b]))
                    averages.append(torch.cat([p.detach().flatten() for p in averaged.module]))
            cases.append(
                case(
                    f"{name} {ours} weight_decay={weight_decay}",
                    dict(trajectory=torch.stack(trajectory), averages=torch.stack(averages)),
                    config=dict(kind=name, weight_decay=weight_decay, **ours),
                )
            )
    cases.append(case("inputs", dict(weight=weight, bias=bias, grads=grads), rates=rates, averaged_from=AVERAGED_FROM))
    write("optimizer", cases)


def clip():
    cases = []
    for limit in (0.5, 100.0):
        g = nn.Parameter(torch.zeros(7, dtype=torch.float64))
        g.grad = rand(7)
        before = g.grad.clone()
        norm = nn.utils.clip_grad_norm_([g], limit)
        cases.append(case(f"norm {limit}", dict(before=before, after=g.grad, norm=norm), by="norm", limit=limit))
        g.grad = before.clone()
        nn.utils.clip_grad_value_([g], limit)
        cases.append(case(f"value {limit}", dict(before=before, after=g.grad), by="value", limit=limit))
    w = rand(4, 3, scale=2)
    # Kim (2014): each output's incoming vector is scaled back to the limit when it is longer
    # (torch.renorm does so too, but divides by the norm + 1e-7)
    after = w * (3.0 / w.norm(dim=0)).clamp(max=1.0)
    assert torch.allclose(after, torch.renorm(w, p=2, dim=1, maxnorm=3.0), rtol=1e-6)
    cases.append(case("max_norm 3", dict(before=w, after=after), by="max_norm", limit=3.0))
    write("clip", cases)


# ---------------------------------------------------------------- schedules


def factors(build, steps, rate=1.0):
    p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    stepper = torch.optim.SGD([p], lr=rate)
    schedule = build(stepper)
    out = []
    for _ in range(steps):
        out.append(stepper.param_groups[0]["lr"] / rate)
        stepper.step()
        schedule.step()
    return torch.tensor(out, dtype=torch.float64)


def schedule():
    S = torch.optim.lr_scheduler
    total = 20

    def warm(optimizer, steps, after):
        ramp = S.LinearLR(optimizer, start_factor=1 / steps, total_iters=steps - 1)
        return S.SequentialLR(optimizer, [ramp, after], milestones=[steps])

    grid = [
        ("step", dict(every=3, factor=0.5), lambda o: S.StepLR(o, 3, 0.5)),
        ("cosine", dict(), lambda o: S.CosineAnnealingLR(o, total)),
        ("cosine", dict(floor=0.1), lambda o: S.CosineAnnealingLR(o, total, eta_min=0.1)),
        ("linear", dict(floor=0.2), lambda o: S.LinearLR(o, 1.0, 0.2, total)),
        ("constant", dict(warmup=5), lambda o: warm(o, 5, S.ConstantLR(o, 1.0, 1))),
        ("step", dict(every=4, factor=0.1, warmup=3), lambda o: warm(o, 3, S.StepLR(o, 4, 0.1))),
        ("cosine", dict(warmup=4), lambda o: warm(o, 4, S.CosineAnnealingLR(o, total - 4))),
        ("one_cycle", dict(), lambda o: S.OneCycleLR(o, 1.0, total_steps=total + 1)),
        (
            "one_cycle",
            dict(rise=0.45, start=0.1, end=0.001, anneal="linear"),
            lambda o: S.OneCycleLR(
                o, 1.0, total_steps=total + 1, pct_start=0.45, div_factor=10, final_div_factor=100, anneal_strategy="linear"
            ),
        ),
    ]
    cases = []
    for name, settings, build in grid:
        # OneCycleLR is told one step more, since it may not be stepped past its end: see total_steps
        steps = total + 1 if name == "one_cycle" else total
        cases.append(
            case(
                f"{name} {settings}",
                dict(factors=factors(build, total)),
                config=dict(kind=name, **settings),
                total_steps=steps,
            )
        )

    metrics = [1.0, 0.9, 0.91, 0.92, 0.9, 0.93, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.49999, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    for settings in [
        dict(factor=0.5, patience=2),
        dict(factor=0.1, patience=1, cooldown=2, floor=0.001),
        dict(factor=0.5, patience=0, threshold=0.2),
        dict(factor=0.5, patience=2, goal="highest"),
    ]:
        p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        stepper = torch.optim.SGD([p], lr=1.0)
        plateau = S.ReduceLROnPlateau(
            stepper,
            mode="max" if settings.get("goal") == "highest" else "min",
            factor=settings["factor"],
            patience=settings["patience"],
            threshold=settings.get("threshold", 1e-4),
            cooldown=settings.get("cooldown", 0),
            min_lr=settings.get("floor", 0.0),
        )
        out = []
        for metric in metrics:
            plateau.step(metric)
            out.append(stepper.param_groups[0]["lr"])
        cases.append(
            case(
                f"plateau {settings}",
                dict(factors=torch.tensor(out, dtype=torch.float64), metrics=torch.tensor(metrics, dtype=torch.float64)),
                config=dict(kind="plateau", **settings),
            )
        )
    write("schedule", cases)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:]  # all topics, or those named
    for number, topic in enumerate(
        [
            *[linear, embedding, conv1d, pool, layer_norm, recurrent, loss, optimizer, clip, schedule],
            *[pool2d, batch_norm, conv2d, activation_penalty, adaptive_softmax, layer_norm_lstm],
            *[activation, conv_transpose2d, group_norm, layer_list],
        ]
    ):
        torch.manual_seed(number)  # a topic's values do not depend on the others
        if not wanted or topic.__name__ in wanted:
            topic()
