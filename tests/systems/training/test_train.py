"""Training runs: they learn, resume after a stop, respect limits, and fail with one line."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import pickle
import re
import signal
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader, get_worker_info

from tsebench.core.config_files import shipped_names
from tsebench.core.errors import CheckpointError, ConfigError, DatasetError, OutputError, TsebenchError
from tsebench.core.validation import StrictModel, parse
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.checkpoints.checkpoint import from_bytes, load_checkpoint, read_weights, to_bytes
from tsebench.systems.registry import load_system
from tsebench.systems.trainable import TASKS
from tsebench.systems.training.config import OptimiserConfig, TrainConfig, load_train_config
from tsebench.systems.training.data import EpochBatches, collate
from tsebench.systems.training.lightning_module import lr_factor
from tsebench.systems.training.losses import LossConfig, build_loss
from tsebench.systems.training.state import EpochLog, Progress
from tsebench.systems.training.train import train
from tsebench.systems.training.valid_ratio import WatchedLoss

NET = {"num_filters": 24, "filter_length": 20, "bottleneck": 12, "hidden": 16, "blocks": 2}
NET |= {"stacks": 2, "embedding_dim": 12}


class ToneOrNoise:
    """A tone of a drawn pitch in white noise at 0 dB; the query asks for one of the two."""

    classes: tuple[str, ...] = ("noise", "tone")
    sample_rate_hz = 8000

    def __init__(self, seed: int, *, items: int = 10**6, absent: bool = False) -> None:
        self.fingerprint = f"tones-{seed}"
        self.seed, self.items, self.absent = seed, items, absent
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        self.asked.append(index)
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + index)
        pitch_hz = 300 + 300 * torch.rand(1, generator=generator)
        tone = 2**0.5 * torch.sin(2 * torch.pi * pitch_hz * torch.arange(1600) / 8000)
        sources = (torch.randn(1600, generator=generator), tone)
        wanted = index % 2
        query = Query(
            id=f"m{index}",
            mixture=0.1 * sum(sources)[None],
            sample_rate_hz=8000,
            clues=Clues(classes=(self.classes[wanted],)),
        )
        target = None if self.absent else 0.1 * sources[wanted][None]
        others = 0.1 * sources[1 - wanted][None]
        truth = Truth(target=target, interferers=others, active_classes=self.classes, transcript=None)
        return query, truth


class Failing(ToneOrNoise):
    """Raises at one index, once."""

    def __init__(self, seed: int, *, at: int, error: BaseException) -> None:
        super().__init__(seed)
        self.at, self.error = at, error

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        if index == self.at:
            raise self.error
        return super().__getitem__(index)


def config(**changes: dict[str, object] | object) -> TrainConfig:
    data = {
        "name": "test",
        "system": "soundbeam",
        "data": {"dataset": "tones", "per_epoch": 16, "valid": 8},
        "optimiser": {"lr": 5e-3, "batch_size": 4, "epochs": 2},
    }
    data["net"] = changes.pop("net", NET)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(data.get(key), dict)
        data[key] = {**data[key], **value} if nested else value
    return parse(TrainConfig, data, where="config")


def fit(settings: TrainConfig, out: Path, *, stream: ToneOrNoise | None = None, **options):
    return train(settings, streams=(stream or ToneOrNoise(1), ToneOrNoise(2)), out=out, device="cpu", **options)


def test_it_learns_and_the_system_opens_what_it_wrote(tmp_path):
    settings = config(
        data={"per_epoch": 160, "valid": 16}, optimiser={"batch_size": 8, "epochs": 6, "lr": 1e-2, "schedule": "cosine"}
    )
    result = fit(settings, tmp_path)
    # The mixture itself has a loss of 0 dB.
    assert result.best_loss < -5.0
    assert (result.epochs, result.steps) == (6, 120)
    system = load_system("soundbeam", checkpoint=str(result.checkpoint))
    batch = collate([ToneOrNoise(3)[index] for index in range(16)])
    estimate = system.extract(batch.queries).estimate
    noise = (estimate - batch.target).square().sum(-1)
    snr = 10 * torch.log10(batch.target.square().sum(-1) / noise)
    assert snr.mean() > 5.0
    card = load_checkpoint(tmp_path, architecture="soundbeam").card
    assert card.best_valid_loss == pytest.approx(result.best_loss)
    assert (card.classes, card.sample_rate_hz, card.seed) == (("noise", "tone"), 8000, 0)
    assert (card.training_data, card.data_fingerprint) == (("tones:train",), "tones-1")


def test_log_has_a_line_for_each_epoch(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="tsebench.train"):
        result = fit(config(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "train.log.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["steps"]) for line in lines] == [(0, 4), (1, 8)]
    assert min(line["valid_loss"] for line in lines) == result.best_loss
    assert [r.message.split(":")[0] for r in caplog.records] == ["epoch 0", "epoch 1"]


@pytest.mark.parametrize("terminal", [False, True])
def test_console_gets_lines_and_a_bar_only_on_a_terminal(tmp_path, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    fit(config(), tmp_path, console=console)
    printed = console.file.getvalue()
    assert "epoch 0: loss neg_snr (lower is better) train " in printed
    assert "epoch 1: loss neg_snr (lower is better) train " in printed
    assert ("8/8" in printed) == terminal


def test_no_mixture_is_drawn_twice_and_validation_is_always_the_same(tmp_path):
    train_stream, valid_stream = ToneOrNoise(1), ToneOrNoise(2)
    settings = config(optimiser={"epochs": 3})
    train(settings, streams=(train_stream, valid_stream), out=tmp_path, device="cpu")
    assert sorted(train_stream.asked) == list(range(48))
    assert sorted(valid_stream.asked) == list(range(8))


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_resumed_run_ends_with_the_same_weights(tmp_path, schedule):
    optimiser = {"schedule": schedule, "warmup_steps": 6, "plateau_patience": 1}
    whole = fit(config(optimiser={**optimiser, "epochs": 4}), tmp_path / "whole")
    fit(config(optimiser={**optimiser, "epochs": 1}), tmp_path / "parts")
    resumed = fit(config(optimiser={**optimiser, "epochs": 4}), tmp_path / "parts")
    assert (tmp_path / "whole/model.pt").read_bytes() == (tmp_path / "parts/model.pt").read_bytes()
    assert (resumed.best_loss, resumed.epochs, resumed.steps) == (whole.best_loss, 4, 16)
    assert len((tmp_path / "parts/train.log.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("schedule", ["cosine", "warmup_cosine"])
def test_a_schedule_that_depends_on_the_length_is_not_gone_on_with(tmp_path, schedule):
    optimiser = {"schedule": schedule, "warmup_steps": 2}
    fit(config(optimiser={**optimiser, "epochs": 1}), tmp_path)
    before = (tmp_path / "model.pt").read_bytes()
    line = (
        f"holds 1 epochs of a training with optimiser.epochs = 1, and its learning rate (schedule '{schedule}') depends"
        " on that number: with 3 it would be another training; set optimiser.epochs = 1, or train from the start in"
    )
    with pytest.raises(ConfigError, match=re.escape(line)) as refused:
        fit(config(optimiser={**optimiser, "epochs": 3}), tmp_path)
    assert len(str(refused.value)) < 480
    with pytest.raises(ConfigError, match=r"optimiser\.max_minutes = null, and its learning rate"):
        fit(config(optimiser={**optimiser, "epochs": 1, "max_minutes": 5}), tmp_path)
    assert (tmp_path / "model.pt").read_bytes() == before
    assert fit(config(optimiser={**optimiser, "epochs": 1, "patience": 3}), tmp_path).epochs == 1


def test_a_training_says_where_it_goes_on_and_that_it_is_finished(tmp_path):
    fit(config(optimiser={"epochs": 1}), tmp_path)
    for line in (
        "goes on after 1 of 2 epochs; best validation loss ",
        "trained before: 2 of 2 epochs; optimiser.epochs",
    ):
        console = Console(file=io.StringIO(), width=200)
        fit(config(optimiser={"epochs": 2}), tmp_path, console=console)
        assert line in console.file.getvalue()


def test_a_state_of_an_older_version_is_gone_on_with(tmp_path):
    """It does not tell its length, nor the ratios."""
    fit(config(optimiser={"epochs": 1, "schedule": "cosine"}), tmp_path)
    content = from_bytes(read_weights(tmp_path / "last.ckpt"), path=tmp_path / "last.ckpt")
    del content["length"]
    for line in content["progress"]["history"]:
        del line["valid_ratio"], line["mixture_ratio"]
    (tmp_path / "last.ckpt").write_bytes(to_bytes(content))
    assert fit(config(optimiser={"epochs": 2, "schedule": "cosine"}), tmp_path).epochs == 2


def test_the_ratio_of_the_estimates_is_logged_with_the_loss(tmp_path):
    """−SNR is the loss, and every target is present."""
    result = fit(config(optimiser={"epochs": 1}), tmp_path)
    (line,) = map(json.loads, (tmp_path / "train.log.jsonl").read_text().splitlines())
    assert line["valid_ratio"] == pytest.approx(-line["valid_loss"], abs=1e-4)
    assert result.best.valid_ratio == line["valid_ratio"]
    assert -20 < line["mixture_ratio"] < 20


def test_the_ratio_is_of_present_targets_and_of_the_first_smallest_call():
    """Pairs before an assignment and other scales do not count."""
    reference = torch.eye(3)[:, :, None].expand(3, 3, 8).flatten(1)
    near, far = 1.1 * reference, 3.0 * reference
    watched = WatchedLoss(build_loss(LossConfig(name="thresholded_snr")), LossConfig(name="thresholded_snr"))
    present = torch.tensor([True, False, True])
    pairs = (torch.cat([signal, signal]) for signal in (far, reference, far))
    estimate, target, mixture = pairs
    watched(estimate=estimate, reference=target, mixture=mixture, present=present.repeat(2))
    for scale in (near, far):
        watched(estimate=scale, reference=reference, mixture=2.0 * reference, present=present)
    estimates, mixtures = watched.ratios()
    torch.testing.assert_close(estimates, torch.full((2,), 20.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(mixtures, torch.zeros(2), atol=1e-3, rtol=0)


def test_run_that_died_in_an_epoch_goes_on_from_the_last_whole_one(tmp_path):
    settings = config(optimiser={"epochs": 3})
    whole = fit(settings, tmp_path / "whole")
    with pytest.raises(DatasetError, match="gone"):
        fit(settings, tmp_path / "died", stream=Failing(1, at=40, error=DatasetError("gone")))
    stream = ToneOrNoise(1)
    resumed = fit(settings, tmp_path / "died", stream=stream)
    assert sorted(stream.asked) == list(range(32, 48))
    assert resumed.best_loss == whole.best_loss
    assert (tmp_path / "whole/model.pt").read_bytes() == (tmp_path / "died/model.pt").read_bytes()


def test_finished_run_is_not_trained_again(tmp_path):
    first = fit(config(), tmp_path)
    (tmp_path / "model.pt").write_bytes(b"spoilt")
    stream = ToneOrNoise(1)
    again = fit(config(), tmp_path, stream=stream)
    assert stream.asked == []
    assert again == first
    load_system("soundbeam", checkpoint=str(tmp_path))


def test_interruption_leaves_as_one_and_ctrl_c_works_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(config(), tmp_path, stream=Failing(1, at=20, error=KeyboardInterrupt()))
    assert signal.getsignal(signal.SIGINT) is before
    assert fit(config(), tmp_path).epochs == 2


def test_time_limit_stops_within_an_epoch_and_keeps_what_there_is(tmp_path):
    result = fit(config(optimiser={"max_minutes": 1e-6, "epochs": 50}), tmp_path)
    assert (result.epochs, result.steps) == (1, 1)
    assert math.isfinite(result.best_loss)
    load_system("soundbeam", checkpoint=str(tmp_path))
    assert fit(config(optimiser={"max_minutes": 1e-6, "epochs": 50}), tmp_path).steps == 1


def test_early_stopping_after_stale_epochs(tmp_path):
    # A learning rate below float32's resolution changes no weight, so no epoch is better.
    result = fit(config(optimiser={"lr": 1e-30, "patience": 2, "epochs": 20}), tmp_path)
    assert result.epochs == 3


def test_seed_decides_the_weights(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(config(seed=seed, optimiser={"epochs": 1}), tmp_path / name)
    a, b, c = ((tmp_path / name / "model.pt").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_threads_and_processes_that_render_do_not_change_the_result(tmp_path):
    ways = {"none": {"render_threads": 0}, "threads": {"render_threads": 3}}
    ways["processes"] = {"render_processes": 2}
    for name, way in ways.items():
        fit(config(data=way), tmp_path / name)
    weights = {(tmp_path / name / "model.pt").read_bytes() for name in ways}
    assert len(weights) == 1


def test_an_error_in_a_process_that_renders_is_one_clear_line(tmp_path):
    stream = Failing(1, at=5, error=DatasetError("clip 5 is damaged"))
    with pytest.raises(TsebenchError, match=r"^clip 5 is damaged$"):
        fit(config(data={"render_processes": 1}), tmp_path, stream=stream)


def test_full_shared_memory_is_one_clear_line(tmp_path, monkeypatch):
    def full(_):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(TsebenchError, match=r"/dev/shm.* full; \d+ MB are needed.*data.render_processes: 0") as found:
        fit(config(data={"render_processes": 1}), tmp_path)
    assert len(str(found.value)) < 500


def test_a_process_that_renders_and_is_killed_is_one_clear_line(tmp_path):
    class Killed(ToneOrNoise):
        def __getitem__(self, index):
            if get_worker_info() is not None:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__getitem__(index)

    with pytest.raises(TsebenchError, match=r"one that renders ended.*data.render_processes: 0"):
        fit(config(data={"render_processes": 1}), tmp_path, stream=Killed(1))


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), EOFError(), FileNotFoundError(2, "socket")])
def test_a_process_that_ends_while_it_hands_over_a_batch_is_one_clear_line(monkeypatch, error):
    batches = EpochBatches(ToneOrNoise(1), per_epoch=4, batch_size=2, threads=0, processes=1, once=True)

    def broken(_self):
        raise error

    monkeypatch.setattr(DataLoader, "__iter__", broken)
    with pytest.raises(TsebenchError, match=r"one that renders ended.*data.render_processes: 0"):
        next(iter(batches))


def test_an_error_of_the_code_that_renders_is_raised_as_it_is(monkeypatch):
    batches = EpochBatches(ToneOrNoise(1), per_epoch=4, batch_size=2, threads=0, processes=1, once=True)

    def broken(_self):
        raise FileNotFoundError("Caught FileNotFoundError in DataLoader worker process 0.")

    monkeypatch.setattr(DataLoader, "__iter__", broken)
    with pytest.raises(FileNotFoundError):
        next(iter(batches))


def test_state_of_another_run_is_refused(tmp_path):
    fit(config(), tmp_path)
    with pytest.raises(ConfigError, match="another config or other data"):
        fit(config(optimiser={"lr": 1e-4}), tmp_path)
    with pytest.raises(ConfigError, match="another config or other data"):
        fit(config(), tmp_path, stream=ToneOrNoise(7))


class Hostile:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return (Path.touch, (self.victim,))


def test_hostile_or_damaged_state_is_refused_and_not_run(tmp_path):
    torch.save({"net": Hostile(tmp_path / "touched")}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        fit(config(), tmp_path)
    assert not (tmp_path / "touched").exists()
    for content in (b"", pickle.dumps(1), b"PK\x03\x04 and no more"):
        (tmp_path / "last.ckpt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"last\.ckpt"):
            fit(config(), tmp_path)
    torch.save({"net": 1}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match="is not a training state"):
        fit(config(), tmp_path)


def test_divergence_is_one_line(tmp_path):
    class Broken(ToneOrNoise):
        def __getitem__(self, index: int) -> tuple[Query, Truth]:
            query, truth = super().__getitem__(index)
            query.mixture[0, 3] = torch.nan
            return query, truth

    with pytest.raises(TsebenchError, match=r"training diverged: .*mixtures m0, m1") as caught:
        fit(config(), tmp_path, stream=Broken(1))
    assert "\n" not in str(caught.value)


def test_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to folder"):
        fit(config(), tmp_path / "file")


def test_streams_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="training stream has 31 mixtures, but 32 are needed"):
        fit(config(), tmp_path, stream=ToneOrNoise(1, items=31))
    other = ToneOrNoise(1)
    other.classes = ("noise", "whistle")
    with pytest.raises(DatasetError, match="streams differ"):
        fit(config(), tmp_path, stream=other)


def test_absent_targets_need_a_loss_that_knows_them(tmp_path):
    stream = ToneOrNoise(1, absent=True)
    with pytest.raises(ConfigError, match="use 'thresholded_snr'"):
        fit(config(), tmp_path / "neg", stream=stream)
    fit(config(loss={"name": "thresholded_snr"}), tmp_path / "thr", stream=stream)


def test_losses_are_their_formulas():
    reference = torch.randn(2, 400)
    batch = {
        "estimate": 0.5 * reference,
        "reference": reference,
        "mixture": 2.0 * reference,
        "present": torch.tensor([True, True]),
    }
    plain = build_loss(LossConfig())(**batch)
    torch.testing.assert_close(plain, torch.full((2,), -20 * math.log10(2)))
    batch["present"] = torch.tensor([True, False])
    values = build_loss(LossConfig(name="thresholded_snr", max_db=30, absent_max_db=20))(**batch)
    # ‖s−ŝ‖² = s²/4 and τ = 1e-3; the residual is (s/2)² of (2s)², and τ = 1e-2.
    expected = [10 * math.log10(0.25 + 1e-3), 10 * math.log10(1 / 16 + 1e-2)]
    torch.testing.assert_close(values, torch.tensor(expected), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("schedule", "progress", "reductions", "expected"),
    [
        ("constant", 0.7, 3, 1.0),
        ("cosine", 0.0, 0, 1.0),
        ("cosine", 0.5, 0, 0.5),
        ("cosine", 1.2, 0, 0.0),
        ("plateau", 0.7, 2, 0.25),
    ],
)
def test_learning_rate_schedules(schedule, progress, reductions, expected):
    options = OptimiserConfig(schedule=schedule, warmup_steps=10)
    after = lr_factor(options, step=10, progress=progress, reductions=reductions)
    assert after == pytest.approx(expected, abs=1e-12)
    first = lr_factor(options, step=0, progress=progress, reductions=reductions)
    assert first == pytest.approx(expected / 10, abs=1e-12)


def test_progress_counts_stale_epochs_and_reductions():
    progress = Progress()
    best = []
    for epoch, loss in enumerate([3.0, 2.0, 2.0, 2.5, 1.0, 1.5]):
        log = EpochLog(epoch=epoch, steps=epoch, train_loss=0.0, valid_loss=loss, lr=1.0, seconds=1.0)
        best.append(progress.add(log, plateau_patience=2))
    assert best == [True, True, False, False, True, False]
    assert (progress.best_loss, progress.best_epoch) == (1.0, 4)
    assert (progress.stale, progress.reductions) == (1, 1)


def test_collate_pads_with_zeros_and_takes_the_first_channel():
    long, short = torch.arange(1.0, 6.0), torch.arange(1.0, 3.0)
    items = [
        (
            Query(id=name, mixture=torch.stack([signal, -signal]), sample_rate_hz=8000, clues=Clues(classes=(name,))),
            Truth(target=target, interferers=signal[None], active_classes=(), transcript=None),
        )
        for name, signal, target in (("a", long, torch.stack([long, long])), ("b", short, None))
    ]
    batch = collate(items)
    assert batch.queries.mixture.tolist() == [[[1, 2, 3, 4, 5]], [[1, 2, 0, 0, 0]]]
    assert batch.queries.lengths.tolist() == [5, 2]
    assert batch.target.tolist() == [[1, 2, 3, 4, 5], [0, 0, 0, 0, 0]]
    assert batch.present.tolist() == [True, False]
    moved = batch.to(torch.device("meta"))
    assert {moved.target.device.type, moved.queries.lengths.device.type} == {"meta"}


def test_epochs_follow_each_other_without_gaps():
    stream, epoch = ToneOrNoise(1), 2
    batches = EpochBatches(stream, per_epoch=10, batch_size=4, threads=0, epoch=lambda: epoch)
    ids = [batch.queries.ids for batch in batches]
    assert [len(part) for part in ids] == [4, 4, 2]
    assert len(batches) == 3
    assert [name for part in ids for name in part] == [f"m{i}" for i in range(20, 30)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": {"learning_rate": 1}}, "unknown key 'optimiser.learning_rate'"),
        ({"optimiser": {"lr": -1}}, "optimiser.lr = -1"),
        ({"data": {"per_epoch": 0}}, "data.per_epoch = 0"),
        ({"loss": {"name": "mse"}}, "loss.name = 'mse'"),
        ({"precision": "8"}, "precision = '8'"),
    ],
)
def test_wrong_config_is_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        config(**changes)
    assert "\n" not in str(caught.value)


def test_wrong_names_are_one_line(tmp_path):
    with pytest.raises(ConfigError, match="unknown trainable system 'soundbean'; did you mean"):
        fit(config(system="soundbean"), tmp_path)
    with pytest.raises(ConfigError, match="net: unknown key 'blcks'; did you mean 'blocks'"):
        fit(config(net={"blcks": 3}), tmp_path)
    with pytest.raises(ConfigError, match="device 'cuda:99' is not available"):
        train(config(), streams=(ToneOrNoise(1), ToneOrNoise(2)), out=tmp_path, device="cuda:99")


@pytest.mark.parametrize("name", shipped_names("train"))
def test_shipped_configs_build_their_networks(name):
    settings = load_train_config(name)
    assert settings.name == name
    task = TASKS.get(settings.system)
    net_config = parse(task.net_config, settings.net, where=name)
    if name == "whisper_flow":  # on weights of OpenAI's, which are not shipped
        with pytest.raises(CheckpointError, match="give the path of its file"):
            task.build(net_config, classes=())
        return
    with torch.device("meta"):
        net = task.build(net_config, classes=tuple(f"class{i}" for i in range(16)))
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count < (1e6 if "mini" in name else 5e8)


def test_shipped_recipe_is_drawn_from_its_dataset(tmp_path):
    shipped = load_train_config("soundbeam_mini_1hot")
    settings = shipped.model_copy(
        update={
            "net": NET,
            "data": shipped.data.model_copy(update={"per_epoch": 2, "valid": 2}),
            "optimiser": OptimiserConfig(batch_size=2, epochs=1),
        }
    )
    result = train(settings, out=tmp_path, device="cpu", corpus_dirs={})
    assert result.steps == 1
    card = load_checkpoint(tmp_path, architecture="soundbeam").card
    assert (len(card.classes), card.sample_rate_hz) == (16, 8000)
    assert card.training_data == ("mini_sounds:train", "synthetic_sounds:train")
    assert card.trained_on is not None
    assert len(card.trained_on.recordings) == 40 * 17  # 16 classes and the background


class Gain(nn.Module):
    """One number; the best is the answer ⟨s, x⟩ / ‖x‖² of least squares."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(start))


class GainConfig(StrictModel):
    start: float = 1.0


class GainTask:
    net_config = GainConfig

    def build(self, net, *, classes):
        return Gain(net.start)

    def loss(self, net, batch, criterion):
        mixture = batch.queries.mixture[:, 0]
        return criterion(estimate=net.gain * mixture, reference=batch.target, mixture=mixture, present=batch.present)


def test_another_network_is_trained_by_registering_its_task(tmp_path, monkeypatch):
    monkeypatch.setattr(TASKS, "_entries", {**TASKS._entries})
    TASKS.register("gain")(GainTask())
    settings = config(system="gain", net={"start": 1.0}, optimiser={"lr": 0.05, "epochs": 6})
    # A tone and a noise of one level: half of the mixture is 3.01 dB, the best a gain can do.
    assert fit(settings, tmp_path).best_loss == pytest.approx(-10 * math.log10(2), abs=0.1)
