"""The answers of `unfold bench` in ONNX Runtime, by the networks of pytorch.py: one JSON line for each.

    python bench/peers/onnxruntime_peer.py [--threads N] [WORKLOAD ...]
"""

import functools
import logging
import tempfile
import warnings
from pathlib import Path

import onnxruntime
import torch

import pytorch


def exported(prepare):
    """A session of a network, and the inputs of one answer."""
    model, *inputs = prepare()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model.eval(), tuple(inputs), path, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return session, dict(zip(names, (x.numpy() for x in inputs), strict=True))


def answered(prepare):
    """An answer as a function without arguments."""
    session, inputs = exported(prepare)
    return lambda: session.run(None, inputs)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # The exporter's remarks, that torchvision is absent and the like.
    logging.disable(logging.WARNING)
    workloads = {name: functools.partial(answered, prepare) for name, prepare in pytorch.ANSWERS.items()}
    pytorch.main(f"ONNX Runtime {onnxruntime.__version__}", workloads)
