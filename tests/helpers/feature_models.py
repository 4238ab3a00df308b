"""Tiny ONNX models of features: signals [1, T] cut to frames, and a linear map of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SIZE, DIM = 40, 6
"""Samples of a frame, and its features."""


def matrix(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((SIZE, DIM)).astype(np.float32)


def feature_model(path: Path, *, seed: int = 0, width: int = DIM) -> str:
    """Write a model whose features are |frames · matrix|."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"], axis=0),
        helper.make_node("Div", ["length", "size"], ["count"]),
        helper.make_node("Mul", ["count", "size"], ["end"]),
        helper.make_node("Slice", ["x", "zero", "end", "one"], ["whole"]),
        helper.make_node("Reshape", ["whole", "to"], ["frames"]),
        helper.make_node("MatMul", ["frames", "matrix"], ["mapped"]),
        helper.make_node("Abs", ["mapped"], ["y"]),
    ]
    ints = {"one": [1], "zero": [0], "size": [SIZE], "to": [1, -1, SIZE]}
    initial = [numpy_helper.from_array(np.array(value, dtype=np.int64), name) for name, value in ints.items()]
    initial.append(numpy_helper.from_array(matrix(seed)[:, :width], "matrix"))
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "T"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "K", width])],
        initializer=initial,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return str(path)
