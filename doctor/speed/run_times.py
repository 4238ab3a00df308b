"""`tsebench run` against the bare network on the same batches.

The run renders mixtures, asks the network, scores cheap metrics and writes rows; then the network alone answers the
batches that a first run asked. Both take turns, and the fastest round of each counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
import yaml
from torch import Tensor

from ...bench.config import DatasetSpec, RunConfig, SystemSpec
from ...bench.given import Given
from ...bench.run.evaluation import CHUNK_TRIALS
from ...bench.run.runner import RunOptions, run
from ...bench.scoring.plan import MetricSpec
from ...core.allocator import keep_freed_memory
from ...core.config_files import find_config, read_yaml
from ...core.progress import Notify, silent
from ...systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from ...systems.nets.td_speakerbeam import TdSpeakerBeamConfig
from ...systems.protocol import Extraction, QueryBatch, System
from ...systems.registry import load_system
from ...systems.shared.batches import full_float32
from ...systems.td_speakerbeam import TdSpeakerBeamTask
from .page import table
from .sections import Settings
from .talkers import source, talkers_of

METRICS = ("si_sdr", "snr")
_NETWORK = "td_speakerbeam"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSize:
    """A network and the number of trials that it answers.

    Attributes:
        config: of its training, which has the sizes of its layers.
    """

    title: str
    config: str
    trials: int


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """Wall time, and processor time of all threads, in seconds."""

    wall_s: float
    cpu_s: float


def random_td_speakerbeam(folder: Path, config: str = "td_speakerbeam") -> Path:
    """A checkpoint of TD-SpeakerBeam with the sizes of a training's config and random weights."""
    net = TdSpeakerBeamConfig(**read_yaml(find_config(f"train/{config}"))["net"])
    torch.manual_seed(0)
    state = TdSpeakerBeamTask().build(net, classes=()).state_dict()
    card = CheckpointCard(
        architecture="td_speakerbeam", net=net.model_dump(), classes=(), sample_rate_hz=8000, sha256=""
    )
    save_checkpoint(folder, state=state, card=card)
    return folder


def _set_config(path: Path, trials: int) -> Path:
    """A set of two talkers with so many trials, two for each mixture."""
    config = read_yaml(find_config("datasets/digits_speech"))
    config["params"]["count"] = trials // 2
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


class Recorder:
    """A system that keeps the batches that it is asked: about 0.2 MB for each trial of 3 s, on its device."""

    def __init__(self, system: System) -> None:
        self.card, self.batches, self._system = system.card, list[QueryBatch](), system

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch as the system does."""
        self.batches.append(batch)
        return self._system.extract(batch)


class RunAndBare:
    """A run and the bare network."""

    def __init__(self, place: Path, size: NetworkSize, *, recordings: Path, device: str) -> None:
        self._place, self._recordings, self._device = place, recordings, device
        self._weights = str(random_td_speakerbeam(place / "weights", size.config))
        self._net = cast(System, load_system(_NETWORK, checkpoint=self._weights, device=device))
        recorder = Recorder(self._net)
        config = _set_config(place / "set.yaml", size.trials)
        self._run(str(config), "first", SystemSpec(name=_NETWORK), Given(systems={_NETWORK: recorder}))
        # That run has built the set.
        (self._set,) = (place / "first" / "datasets").iterdir()
        self._batches = recorder.batches

    def run(self) -> None:
        """Everything that `tsebench run` does but the report."""
        spec = SystemSpec(name=_NETWORK, options={"checkpoint": self._weights})
        self._run(str(self._set), "again", spec, Given())

    @torch.inference_mode()
    def bare(self) -> None:
        """The network alone, in float32 as in a run; the answers are waited for."""
        with full_float32():
            for batch in self._batches:
                cast(Tensor, self._net.extract(batch).estimate).cpu()

    def _run(self, dataset: str, out: str, system: SystemSpec, given: Given) -> None:
        config = RunConfig(
            name="throughput",
            datasets=(DatasetSpec(dataset=dataset),),
            systems=(system,),
            metrics=tuple(MetricSpec(name=name) for name in METRICS),
            measure_cost=False,
            batch_size=_batch_size(self._device),
        )
        options = RunOptions(
            out=self._place / out,
            device=self._device,
            fresh=True,
            corpus_dirs={"digits": self._recordings},
            cache=self._place / "cache",
            given=given,
            say=silent,
        )
        run(config, options)


def _spent(work: Callable[[], None]) -> TimeSpent:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return TimeSpent(time.perf_counter() - wall, time.process_time() - cpu)


def _round(work: RunAndBare, what: str, say: Notify) -> tuple[TimeSpent, TimeSpent]:
    """Time of a run, and of the network alone."""
    found = _spent(work.run), _spent(work.bare)
    say(f"{what}: run {found[0].wall_s:.1f} s, network {found[1].wall_s:.1f} s")
    return found


def _batch_size(device: str) -> int:
    """Queries of a batch, also for the bare network; a GPU takes all trials of a chunk at once."""
    return 8 if device == "cpu" else CHUNK_TRIALS


def sizes(settings: Settings) -> tuple[NetworkSize, ...]:
    """The published network, and a small one for which everything else counts most."""
    full, small = (4, 64) if settings.quick else (6000, 6000) if settings.device.startswith("cuda") else (32, 1000)
    return (
        NetworkSize(title="TD-SpeakerBeam, published size", config="td_speakerbeam", trials=full),
        NetworkSize(title="TD-SpeakerBeam, mini", config="td_speakerbeam_mini", trials=small),
    )


def report(settings: Settings) -> str:
    """The section of the page."""
    keep_freed_memory()  # as the command does
    on_gpu = settings.device.startswith("cuda")
    rounds = 1 if settings.quick else 3 if on_gpu else 2  # on a CPU a round takes a minute or more
    where = torch.cuda.get_device_name(settings.device) if on_gpu else "CPU"
    with TemporaryDirectory() as place:
        recordings = talkers_of(settings, Path(place) / "recordings")
        lines = [_measured(size, Path(place), recordings, settings, rounds) for size in sizes(settings)]
    columns = ["", "trials", "run, trials/s", "network, trials/s", "more time", "more processor time"]
    return "\n\n".join(
        [
            f"## Throughput of a run on {'a GPU' if on_gpu else 'the CPU'}",
            f"`tsebench run` with random weights on trials of two of the {source(settings)} at 8000 Hz, "
            f"{', '.join(METRICS)}, batches of {_batch_size(settings.device)}, {where} with {torch.get_num_threads()} "
            "threads; the run without its start and report against the network alone on the same batches, and how much "
            f"more time the run takes; the best of {rounds} rounds, in which both take turns.",
            table(columns, lines),
        ]
    )


def _measured(size: NetworkSize, place: Path, recordings: Path, settings: Settings, rounds: int) -> list[str]:
    """A line of the table."""
    settings.say(f"{size.title}: a first run on {size.trials} trials, which builds them")
    work = RunAndBare(place / size.config, size, recordings=recordings, device=settings.device)
    pairs = [_round(work, f"{size.title}: round {place} of {rounds}", settings.say) for place in range(1, rounds + 1)]
    runs, bare = zip(*pairs, strict=True)
    wall = [min(side.wall_s for side in sides) for sides in (runs, bare)]
    cpu = [min(side.cpu_s for side in sides) for sides in (runs, bare)]
    return [
        size.title,
        str(size.trials),
        *(f"{size.trials / seconds:.2f}" for seconds in wall),
        *(f"{100 * (one / other - 1):.1f} %" for one, other in (wall, cpu)),
    ]
