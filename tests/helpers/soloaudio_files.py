"""Files for the system soloaudio: random weights in small sizes, and an autoencoder that cuts signals into frames."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tsebench.systems.nets.generative.udit import Udit, UditConfig

CLUE = 6
LABELS = ("Acoustic guitar", "dog_bark", "the sound of a bell")


def network(latent: int) -> Udit:
    torch.manual_seed(5)
    net = Udit(UditConfig(latent=latent, clue=CLUE, hidden=16, depth=4, heads=2, mlp_ratio=2.0)).eval()
    for parameter in net.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape)
    return net


def codec(folder: Path, *, hop: int, draws: bool = False) -> dict[str, str]:
    """ONNX files [1, 1, T] to [1, hop, K] and back, exactly; `draws` adds as many channels of deviations."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    def shape(name: str, *sizes: int) -> object:
        return numpy_helper.from_array(torch.tensor(sizes).numpy(), name)

    def save(name: str, nodes: list[object], initial: list[object], given: list[object], made: list[object]) -> str:
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, made)],
            initializer=initial,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.save(model, folder / name)
        return str(folder / name)

    channels = 2 * hop if draws else hop
    encode = [
        helper.make_node("Reshape", ["x", "to"], ["frames"]),
        helper.make_node("Transpose", ["frames"], ["latent"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["latent"] * (2 if draws else 1), ["y"], axis=1),
    ]
    decode = [
        helper.make_node("Transpose", ["x"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["frames", "to"], ["y"]),
    ]
    return {
        "encoder": save("encoder.onnx", encode, [shape("to", 1, -1, hop)], [1, 1, "t"], [1, channels, "k"]),
        "decoder": save("decoder.onnx", decode, [shape("to", 1, 1, -1)], [1, hop, "k"], [1, 1, "t"]),
    }


def embeddings(folder: Path, *, extra: dict[str, object] | None = None) -> str:
    generator = torch.Generator().manual_seed(8)
    table = {label: torch.randn(CLUE, generator=generator).tolist() for label in (*LABELS, "")}
    (folder / "embeddings.json").write_text(json.dumps({**table, **(extra or {})}))
    return str(folder / "embeddings.json")


def files(folder: Path, *, hop: int = 8, draws: bool = False) -> dict[str, str]:
    """Options of the system."""
    torch.save({"model": network(hop).state_dict(), "global_step": 3}, folder / "soloaudio_v2.pt")
    return {
        "model": str(folder / "soloaudio_v2.pt"),
        **codec(folder, hop=hop, draws=draws),
        "embeddings": embeddings(folder),
    }
