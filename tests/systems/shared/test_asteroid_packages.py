"""Model files of asteroid and its relatives are opened safely, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.systems.shared import asteroid_models
from tsebench.systems.shared.asteroid_models import build_model, open_package
from tsebench.systems.shared.asteroid_packages import read_package

CONTENT = {
    "model_name": "ConvTasNet",
    "model_args": {"sample_rate": 8000, "n_src": 2},
    "state_dict": {"weight": torch.ones(2)},
}


def saved(path: Path, content: object, **options: object) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_package_is_read(zipped, tmp_path):
    figures = {"si_sdr": np.float64(14.7), "n": np.int64(3000)}
    versions = {"torch_version": torch.__version__}
    infos = {"dataset": "Libri2Mix", "final_metrics": figures, "software_versions": versions}
    content = {**CONTENT, "infos": infos}
    path = saved(tmp_path / "m.pth", content, _use_new_zipfile_serialization=zipped)
    package = read_package(path)
    assert (package.name, dict(package.args)) == ("ConvTasNet", CONTENT["model_args"])
    assert package.infos["final_metrics"] == {"si_sdr": 14.7, "n": 3000}
    assert torch.equal(package.state["weight"], torch.ones(2))


def test_file_of_an_older_numpy_is_read(tmp_path):
    path = saved(tmp_path / "m.pth", {**CONTENT, "infos": {"x": np.float64(1.5)}},
                 _use_new_zipfile_serialization=False)  # fmt: skip
    content = path.read_bytes()
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != content
    path.write_bytes(old)
    assert read_package(path).infos["x"] == 1.5


class Hostile:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(zipped, tmp_path):
    content = {**CONTENT, "infos": Hostile(tmp_path / "made")}
    path = saved(tmp_path / "m.pth", content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"needs '\w+\.mkdir' .*nothing in it was run"):
        read_package(path)
    assert not (tmp_path / "made").exists()
    # The same file, opened without care.
    torch.load(path, weights_only=False)
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {}}, "a table with the keys 'state_dict', and lacks 'model_name', 'model_args'"),
        ([1, 2], "is a list and no table of weights; give .* with model_name, model_args, state_dict"),
        ({**CONTENT, "model_name": 3}, "are int, dict, dict"),
        ({**CONTENT, "state_dict": {"w": [1.0]}}, "entry 'w' is a list, not a tensor"),
        ({**CONTENT, "state_dict": {"w": torch.tensor(torch.nan)}}, "weight 'w' holds NaN or inf"),
    ],
)
def test_other_content_is_one_line(content, message, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        read_package(saved(tmp_path / "m.pth", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b"PK\x03\x04 cut", "cannot load model file .* damaged"),
        (b"no model", "is a text file, not a torch archive"),
        (b"\x80\x02.", "cannot load model file .* damaged"),
    ],
)
def test_damaged_file_is_one_line(content, message, tmp_path):
    (tmp_path / "m.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_package(tmp_path / "m.pth")
    assert "\n" not in str(caught.value)


def test_models_are_found_in_folders(tmp_path):
    path = saved(tmp_path / "pytorch_model.bin", CONTENT)
    assert open_package(str(tmp_path)).sha256 == open_package(str(path)).sha256
    with pytest.raises(CheckpointError, match=r"no model at .*pytorch_model.bin or model.pth"):
        open_package(str(tmp_path / "missing"))


@pytest.mark.parametrize("name", ["XUMX", "FasNetTAC", "convtasnet", "base_models", "__doc__"])
def test_models_of_other_kinds_are_refused(name, tmp_path):
    package = open_package(str(saved(tmp_path / "m.pth", {**CONTENT, "model_name": name})))
    with pytest.raises(CheckpointError, match=r"only models from one channel to one signal"):
        build_model(package)


def test_hub_is_asked_for_names_alone(monkeypatch, tmp_path):
    asked: list[tuple[str, str, str | None]] = []

    class Errors:
        class HfHubHTTPError(OSError): ...

        class EntryNotFoundError(HfHubHTTPError): ...

        class LocalEntryNotFoundError(EntryNotFoundError): ...

    class Hub:
        errors = Errors

        @staticmethod
        def hf_hub_download(name: str, file: str, *, revision: str | None) -> str:
            asked.append((name, file, revision))
            if name == "maker/offline":
                raise Errors.LocalEntryNotFoundError("cannot reach the hub.\nTry again")
            if file != "model.pth":
                raise Errors.EntryNotFoundError("no such entry")
            return str(saved(tmp_path / "fetched.pth", CONTENT))

    monkeypatch.setattr(asteroid_models, "_imported", lambda name, **_: Hub)
    assert open_package("maker/net@v1.0").name == "ConvTasNet"
    files = ("pytorch_model.bin", "model.pth")
    assert asked == [("maker/net", file, "v1.0") for file in files]
    with pytest.raises(CheckpointError, match=r"does not give it: cannot reach the hub. Try again"):
        open_package("maker/offline")
    assert asked[2:] == [("maker/offline", "pytorch_model.bin", None)]
    for name in ("", "net", "../../no/such", "a/b/c", "maker/..//net"):
        with pytest.raises(CheckpointError, match="no model at"):
            open_package(name)


def test_missing_package_is_one_line():
    with pytest.raises(ConfigError, match=r"'no_such_package' .* and why: pip install 'tsebench\["):
        asteroid_models._imported("no_such_package.models", why="why")
