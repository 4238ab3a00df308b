"""Other people's checkpoints, given to every system that opens one, are named as what they are."""

from __future__ import annotations

import inspect
import io
import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers.sgmse_files import saved

from tsebench.core.errors import CheckpointError
from tsebench.systems.checkpoints.checkpoint import ZOO
from tsebench.systems.registry import SYSTEMS, load_system

ONES = torch.ones(2)
KAITUOXU = dict.fromkeys("NLBHPXRC", 2) | {"state_dict": {"w": ONES}, "optim_dict": {}}
FILES: dict[str, tuple[object, str]] = {
    "kaituoxu.pth.tar": (KAITUOXU, "kaituoxu's Conv-TasNet"),
    "dataparallel.pth": ({"module.w": ONES}, "weights of a DataParallel model"),
    "compiled.pth": ({"_orig_mod.w": ONES}, "weights of a compiled model"),
    "lightning.ckpt": ({"state_dict": {"model.w": ONES}, "hyper_parameters": {"x": 1}}, "PyTorch Lightning"),
    "generator.pt": ({"generator": {"w": ONES}}, "a generator of a vocoder"),
    "whisper.pt": ({"dims": {}, "model_state_dict": {}}, "openai-whisper"),
    "training.pt": ({"model": {"w": ONES}, "optimizer": {}}, "a training checkpoint"),
    "state.pt": ({"w": ONES}, "weights alone"),
    "module.pth": (torch.nn.Linear(2, 2), "pickled object of class 'torch.nn.modules.linear.Linear'"),
    "lfs.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 20480000\n", "Git-LFS pointer"),
    "html.pth": (b"<!DOCTYPE html><html><title>Google Drive</title></html>", "a web page ('Google Drive'"),
    "empty.pth": (b"", "an empty file"),
    "text.pth": (b"Entry not found", "a text file"),
    "conf.json": (b'{"sample_rate": 8000}', "a JSON file"),
    "conf.yaml": (b"sample_rate: 8000\n", "a YAML file"),
    "model.onnx": (b"\x08\x08\x12\x07pytorch", "an ONNX file"),
    "model.safetensors": ((2).to_bytes(8, "little") + b"{}", "a safetensors file"),
}
OPENING = [
    (name, option)
    for name in SYSTEMS.names()
    for option in ("checkpoint", "model")
    if option in inspect.signature(SYSTEMS.get(name)).parameters
]


@pytest.mark.parametrize(("system", "option"), OPENING)
def test_named_as_what_it_is(system: str, option: str, tmp_path: Path) -> None:
    parameters = inspect.signature(SYSTEMS.get(system)).parameters.values()
    needed = {each.name for each in parameters if each.default is each.empty}
    others = dict.fromkeys(needed - {option}, "nowhere")
    for name, (content, kind) in FILES.items():
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        with pytest.raises(CheckpointError) as caught:
            load_system(system, **{option: str(path)}, **others)
        line = str(caught.value)
        assert kind in line, (name, line)
        assert "system" in line or "give" in line
        assert "\n" not in line
        assert len(line) < 500


def test_a_package_of_another_toolkit_is_named(tmp_path: Path) -> None:
    content = {"model_name": "ConvTasNet", "model_args": {}, "state_dict": {"w": ONES}}
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"asteroid and SpeakerBeam write it \('ConvTasNet'\).*no card.json"):
        load_system("td_speakerbeam", checkpoint=str(tmp_path / "model.pth"))


def test_a_deep_card_is_one_line(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"w": ONES}, buffer)
    (tmp_path / "model.pt").write_bytes(buffer.getvalue())
    cards = [
        "[" * 100_000,
        '{"net": ' * 5000 + "1" + "}" * 5000,
        "1" * 10_000,
        '{"architecture": ["' + "x" * 1000 + '"]}',
    ]
    for card in cards:
        (tmp_path / "card.json").write_text(card)
        with pytest.raises(CheckpointError) as caught:
            load_system("td_speakerbeam", checkpoint=str(tmp_path))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("architecture", "checkpoint", "key"),
    [
        ("query_refinement", "query_refinement_mini_proposed", "classifier_layers"),
        ("query_refinement", "query_refinement_mini_proposed", "bottleneck"),
        ("soundbeam", "soundbeam_mini_1hot", "num_filters"),
        ("speakerbeam", "speakerbeam_mini_film", "hidden_layers"),
        ("speakerbeam", "speakerbeam_mini_film", "window"),
    ],
)
@pytest.mark.parametrize("value", [10**9, 10**12, 10**30])
def test_a_card_of_enormous_numbers_is_one_line(
    architecture: str, checkpoint: str, key: str, value: int, tmp_path: Path
) -> None:
    shutil.copy(ZOO / checkpoint / "model.pt", tmp_path)
    card = json.loads((ZOO / checkpoint / "card.json").read_text())
    card["net"][key] = value
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError) as caught:
        load_system(architecture, checkpoint=str(tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_checkpoint_of_sgmse_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises(CheckpointError, match=r"is a checkpoint of PyTorch Lightning \(SGMSE\)"):
        load_system("td_speakerbeam", checkpoint=path)
