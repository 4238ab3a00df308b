"""A training starts with the weights of an earlier one, or of a file of others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.voices import train_config
from torch import nn

from tsebench.core.config_files import shipped_names
from tsebench.core.errors import CheckpointError
from tsebench.core.validation import parse
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.trainable import TASKS
from tsebench.systems.training.config import StartConfig, TrainConfig, load_train_config
from tsebench.systems.training.first_weights import first_training_data, start_with
from tsebench.systems.training.state import run_identity


class Net(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.front = nn.Linear(2, width)
        self.rest = nn.Linear(width, 1)


def saved(folder: Path, net: nn.Module) -> str:
    card = CheckpointCard(
        architecture="x", net={}, classes=(), sample_rate_hz=8000, sha256="", training_data=("mini_av_train:train",)
    )
    save_checkpoint(folder, state=net.state_dict(), card=card)
    return str(folder)


def test_all_weights_of_an_earlier_stage(tmp_path: Path) -> None:
    earlier, net = Net(), Net()
    line = start_with(net, StartConfig(checkpoint=saved(tmp_path / "stage1", earlier)))
    assert all(torch.equal(a, b) for a, b in zip(earlier.parameters(), net.parameters(), strict=True))
    assert line.startswith("4 of 4 weights from stage1 (sha256 ")


def test_a_part_by_its_prefix(tmp_path: Path) -> None:
    part, net = nn.Linear(2, 3), Net()
    rest = net.rest.weight.clone()
    path = tmp_path / "front.pt"
    torch.save({"state_dict": part.state_dict()}, path)
    line = start_with(net, StartConfig(checkpoint=str(path), prefix="front."))
    assert torch.equal(net.front.weight, part.weight)
    assert torch.equal(net.rest.weight, rest)
    assert line.startswith("2 of 4 weights from front.pt")


def test_parts_of_several_files_of_which_the_last_takes_precedence(tmp_path: Path) -> None:
    first, second, net = Net(), Net(), Net()
    fresh = net.rest.bias.clone()
    then = StartConfig(checkpoint=saved(tmp_path / "second", second), only=("rest.weight",))
    start = StartConfig(checkpoint=saved(tmp_path / "first", first), only=("front.", "rest.w"), then=then)
    line = start_with(net, start)
    assert torch.equal(net.front.weight, first.front.weight)
    assert torch.equal(net.front.bias, first.front.bias)
    assert torch.equal(net.rest.weight, second.rest.weight)
    assert torch.equal(net.rest.bias, fresh)
    assert line.startswith("3 of 4 weights from first (sha256 ")
    assert "; 1 of 4 weights from second (sha256 " in line
    assert first_training_data(start) == ("mini_av_train:train", "mini_av_train:train")


def test_names_of_no_weight_and_other_shapes_are_errors(tmp_path: Path) -> None:
    path = saved(tmp_path / "stage1", Net())
    with pytest.raises(CheckpointError, match=r"none of its weights .*front.bias.* set start_from.prefix"):
        start_with(Net(), StartConfig(checkpoint=path, prefix="other."))
    with pytest.raises(CheckpointError, match=r"weight 'front.bias' is \[3\].* needs \[4\]"):
        start_with(Net(width=4), StartConfig(checkpoint=path))
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        start_with(Net(), StartConfig(checkpoint=str(tmp_path / "nothing")))


def test_a_file_with_more_than_tensors_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "ran"),)  # type: ignore[return-value]

    path = tmp_path / "evil.pt"
    torch.save({"state_dict": Evil()}, path)
    with pytest.raises(CheckpointError):
        start_with(Net(), StartConfig(checkpoint=str(path)))
    assert not (tmp_path / "ran").exists()


def test_the_data_of_the_first_weights_is_data_of_the_training(tmp_path: Path) -> None:
    assert first_training_data(StartConfig(checkpoint=saved(tmp_path, Net()))) == ("mini_av_train:train",)
    assert first_training_data(None) == ()


def test_a_training_is_identified_by_its_first_weights() -> None:
    config = train_config("flow_tse", {})
    start = StartConfig(checkpoint="flow_tse_mini")
    plain, started = (
        run_identity(config.model_copy(update={"start_from": each}), fingerprints=("a", "b")) for each in (None, start)
    )
    assert "start_from" not in plain
    # As before there were `only` and `then`, so that trainings of then go on.
    assert '"start_from":{"checkpoint":"flow_tse_mini","prefix":""}' in started
    parts = start.model_copy(update={"then": StartConfig(checkpoint="a", only=("b",))})
    with_parts = run_identity(config.model_copy(update={"start_from": parts}), fingerprints=("a", "b"))
    assert '"then":{"checkpoint":"a","prefix":"","only":["b"]}' in with_parts


def _shapes(config: TrainConfig) -> dict[str, torch.Size]:
    """Shapes of a config's weights by name, without memory for them."""
    task = TASKS.get(config.system)
    with torch.device("meta"):
        net = task.build(parse(task.net_config, config.net, where=config.name), classes=("bell", "rain"))
    return {name: tensor.shape for name, tensor in net.state_dict().items()}


STAGES = [
    (name, file)
    for name, config in ((name, load_train_config(name)) for name in shipped_names("train"))
    if config.start_from is not None
    for file in config.start_from.files()
]


@pytest.mark.parametrize(
    ("name", "file"), STAGES, ids=[f"{name}-{Path(file.checkpoint).name}" for name, file in STAGES]
)
def test_a_config_fits_to_the_stage_that_it_starts_from(name: str, file: StartConfig) -> None:
    earlier = Path(file.checkpoint).name
    assert earlier in shipped_names("train")
    own = _shapes(load_train_config(name))
    first = {f"{file.prefix}{key}": shape for key, shape in _shapes(load_train_config(earlier)).items()}
    shared = {key for key in own.keys() & first.keys() if key.startswith(file.only or "")}
    assert len(shared) > 20
    assert {key for key in shared if own[key] != first[key]} == set()
