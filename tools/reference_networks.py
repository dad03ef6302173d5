#!/usr/bin/env python3
"""Writes what the field's networks put out in PyTorch, for Unfold's tests.

    pip install torch torchvision numpy
    python tools/reference_networks.py  # writes crates/unfold/tests/reference/networks.json

Weights and inputs follow from their names alone (see `number`), so that the file holds outputs only. The networks that
torchvision has are its own; the others are written here. All in evaluation, in float64.
"""

import json
import pathlib

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/unfold/tests/reference/networks.json"


def number(name, count):
    """`count` numbers in 0..1 that depend on the name and their place alone."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32  # FNV-1a
    x = (seed + np.arange(count, dtype=np.uint64) * 0x9E3779B9) % 2**32
    x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
    x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
    return (x ^ (x >> 16)) / 2**32


def tensor(name, shape):
    """A parameter of that name, in PyTorch's layout."""
    u = number(name, int(np.prod(shape)))
    part = name.rsplit(".", 1)[-1]
    if len(shape) > 1:
        values = (2 * u - 1) * np.sqrt(6 / np.prod(shape[1:]))
    elif part == "running_var":
        values = 0.5 + u
    elif part == "weight":
        values = 0.5 + 0.5 * u
    else:
        values = 0.2 * (2 * u - 1)
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def parameters(name, *shape):
    return tensor(f"{name}.weight", shape), tensor(f"{name}.bias", shape[:1])


def normed(x, name):
    channels = x.shape[1]
    figures = [tensor(f"{name}.{part}", (channels,)) for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *figures)


def block(x, conv, norm, channels):
    """A 3 x 3 convolution, its normalisation and a ReLU."""
    x = F.conv2d(x, tensor(f"{conv}.weight", (channels, x.shape[1], 3, 3)), padding=1)
    return torch.relu(normed(x, norm))


def lenet5(x):
    x = torch.tanh(F.conv2d(x, *parameters("conv1", 6, 1, 5, 5), padding=2))
    x = F.avg_pool2d(x, 2)
    x = torch.tanh(F.conv2d(x, *parameters("conv2", 16, 6, 5, 5)))
    x = F.avg_pool2d(x, 2).flatten(1)
    x = torch.tanh(F.linear(x, *parameters("fc1", 120, 400)))
    x = torch.tanh(F.linear(x, *parameters("fc2", 84, 120)))
    return F.linear(x, *parameters("fc3", 10, 84))


def feed_forward(x):
    x = torch.relu(F.linear(x.flatten(1), *parameters("1.linear", 6, 60)))
    return F.linear(x, *parameters("3.linear", 3, 6))


def cnn(x):
    at = 0
    for stage, channels in enumerate((8, 16)):
        if stage:
            x = F.max_pool2d(x, 2)
            at += 1
        for _ in range(2):
            x = block(x, f"{at}.conv2d", f"{at + 1}.batch_norm", channels)
            at += 3
    return F.linear(x.mean((2, 3)), *parameters(f"{at + 1}.linear", 10, 16))


def resnet9(x):
    x = block(x, "prep.conv", "prep.bn", 8)
    for layer, channels in [(1, 16), (2, 32), (3, 64)]:
        x = F.max_pool2d(block(x, f"layer{layer}.conv", f"layer{layer}.bn", channels), 2)
        if layer != 2:
            inner = f"layer{layer}.residual.res"
            y = block(x, f"{inner}1.conv", f"{inner}1.bn", channels)
            x = x + block(y, f"{inner}2.conv", f"{inner}2.bn", channels)
    x = x.amax((2, 3))
    return 0.125 * F.linear(x, tensor("linear.weight", (10, 64)))


def theirs(module):
    """One of torchvision's, with our weights."""
    module = module.double().eval()
    state = module.state_dict()
    module.load_state_dict({k: v if v.dtype == torch.int64 else tensor(k, v.shape) for k, v in state.items()})
    return module


def small(module):
    """torchvision's ResNet with the stem for small pictures."""
    module.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    module.maxpool = nn.Identity()
    return module


def main():
    models = torchvision.models
    networks = [
        ("feed_forward", feed_forward, (4, 5, 3)),
        ("lenet5", lenet5, (28, 28, 1)),
        ("cnn", cnn, (11, 12, 3)),
        ("resnet9", resnet9, (16, 16, 3)),
        ("resnet18", theirs(models.resnet18(num_classes=10)), (64, 64, 3)),
        ("resnet18 small", theirs(small(models.resnet18(num_classes=10))), (16, 16, 3)),
        ("resnet34", theirs(models.resnet34(num_classes=10)), (33, 47, 3)),
        ("resnet50", theirs(models.resnet50(num_classes=10)), (64, 64, 3)),
        ("mobilenet_v2", theirs(models.mobilenet_v2(num_classes=10)), (64, 64, 3)),
        ("mobilenet_v2 half", theirs(models.mobilenet_v2(num_classes=10, width_mult=0.5)), (33, 47, 3)),
    ]
    cases = []
    with torch.no_grad():
        for name, network, size in networks:
            x = torch.tensor(2 * number("input", 2 * int(np.prod(size))) - 1, dtype=torch.float64)
            x = x.reshape(2, *size)
            y = network(x.permute(0, 3, 1, 2))
            tensors = dict(y=dict(shape=list(y.shape), data=y.flatten().tolist()))
            cases.append(dict(name=name, input=size, tensors=tensors))
            print(name, y.abs().max().item(), y.std(0).max().item())
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    versions = f'"torch":"{torch.__version__}","torchvision":"{torchvision.__version__}"'
    OUT.write_text(f'{{{versions},"cases":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
