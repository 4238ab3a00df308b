"""Runs of a system that does what a test says: right, wrong or slow."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import pandas as pd
import pytest
import torch

from tsebench.bench.config import RunConfig
from tsebench.bench.rows import read_rows
from tsebench.bench.run.runner import RunOptions, RunResult, run
from tsebench.bench.scoring import loaded_code
from tsebench.bench.scoring.package_code import Code
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard

SOUNDS: dict[str, Any] = {
    "name": "sounds",
    "builder": "sound_mix",
    "corpora": {"sounds": {"kind": "synthetic_sounds"}},
    "params": {
        "count": 4,
        "sample_rate_hz": 8000,
        "duration_s": 1.0,
        "event_s": [0.5, 0.9],
        "events": {"corpus": "sounds", "labels": ["bell", "dog_bark", "flute", "siren"]},
        "background": {"corpus": "sounds", "labels": ["background"]},
        "conditions": ["1:0", "1:1", "0:1"],
        "clues": ["classes"],
    },
}
SPEECH: dict[str, Any] = {
    "name": "speech",
    "builder": "speech_mix",
    "corpora": {"speech": {"kind": "synthetic_speech"}},
    "params": {"count": 3, "sample_rate_hz": 8000, "n_speakers": 2, "mode": "max", "speech": {"corpus": "speech"}},
}
METRICS = ("snri", "si_sdri", "attenuation")
NAMES = plan_metrics(METRICS).names


def keep_code(patch: pytest.MonkeyPatch) -> None:
    """Fakes do not change while the tests run: their names are their code, whatever a test before has seen of it."""
    patch.setattr(loaded_code, "code_of", lambda _, kind: Code(f"{kind.__module__}.{kind.__qualname__}"))
    patch.setattr(loaded_code, "_FIRST", WeakKeyDictionary())


class Scripted:
    """Gives half of the mixture, and does what `act` says to the trials of `bad`.

    Args:
        gain: factor of the mixture.
        act: what goes wrong.
        bad: comma-separated ids.
        weights: a file whose hash goes into the card.
    """

    batches: ClassVar[list[tuple[str, ...]]] = []
    broken: ClassVar[bool] = False
    stop_after: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        gain: float = 0.5,
        act: str = "none",
        bad: str = "",
        weights: Path | None = None,
        rate_hz: int | None = None,
        device: str = "cpu",
    ) -> None:
        self._gain, self._act, self._bad = gain, act, bad.split(",")
        self.card = SystemCard(
            name="scripted",
            family="external",
            description="a fake",
            sample_rate_hz=rate_hz,
            sha256=weights and hashlib.sha256(weights.read_bytes()).hexdigest(),
            options={"gain": gain, "act": act, "bad": bad},
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        Scripted.batches.append(batch.ids)
        if Scripted.stop_after is not None and len(Scripted.batches) > Scripted.stop_after:
            signal.raise_signal(signal.SIGINT)
        if Scripted.broken:
            raise RuntimeError("out of order")
        if self._act == "memory" and len(batch.ids) > int(self._bad[0]):
            raise torch.OutOfMemoryError
        found = [row for row, name in enumerate(batch.ids) if name in self._bad]
        estimates: list[Any] = [self._gain * batch.mixture[row, 0, :length] for row, length in enumerate(batch.lengths)]
        if found and self._act in {"raise", "nothing", "batch shape", "too few"}:
            return self._broken_batch(batch, estimates)
        for row in found:
            estimates[row] = self._spoilt(estimates[row])
        reasons = {batch.ids[row]: "no clue for it" for row in found if self._act == "refuse"}
        return Extraction(estimate=estimates, failures=reasons)

    def _broken_batch(self, batch: QueryBatch, estimates: list[Any]) -> Any:
        if self._act == "raise":
            raise RuntimeError("broken\nhere")
        if self._act == "batch shape":
            return Extraction(estimate=batch.mixture)
        return None if self._act == "nothing" else Extraction(estimate=estimates[1:])

    def _spoilt(self, estimate: torch.Tensor) -> Any:
        spoilt: dict[str, Any] = {
            "nan": torch.where(torch.arange(len(estimate)) == 7, torch.nan, estimate),
            "inf": torch.where(torch.arange(len(estimate)) == 7, torch.inf, estimate),
            "shape": estimate.repeat(2, 1),
            "row of one": estimate[None],
            "number": estimate[0],
            "long": torch.cat([estimate, estimate]),
            "empty": estimate[:0],
            "silence": torch.zeros_like(estimate),
            "list": estimate.tolist(),
            "complex": estimate.to(torch.complex64),
            "sparse": estimate.to_sparse(),
            "meta": estimate.to("meta"),
        }
        if self._act == "quantised":
            return torch.quantize_per_tensor(estimate, 0.1, 0, torch.qint8)
        return spoilt.get(self._act, estimate)


def config(*datasets: object, systems: object = ("scripted",), **more: Any) -> RunConfig:
    named = [d if isinstance(d, Mapping) else str(d) for d in datasets]
    # What the fake does and sees is set in this process.
    given = {"name": "test", "metrics": METRICS, "systems": systems, "datasets": named, "isolation": "none"}
    return RunConfig.model_validate({**given, "measure_cost": False, **more})


def go(out: Path, *datasets: object, fresh: bool = False, **more: Any) -> RunResult:
    options = RunOptions(out=out, device="cpu", jobs=0, fresh=fresh, chunk_trials=4)
    return run(config(*datasets, **more), options)


def rows_of(out: Path) -> pd.DataFrame:
    """Rows of a run, after a check that none is twice in its shards."""
    shards = pd.concat([pd.read_parquet(p) for p in sorted((out / "rows").glob("part-*"))])
    rows = read_rows(out)
    assert len(shards) == len(rows)
    return rows


def assert_same(a: Path, b: Path) -> None:
    pd.testing.assert_frame_equal(rows_of(a), rows_of(b), check_exact=True)


def bad_system(act: str, bad: str = "", **options: Any) -> dict[str, Any]:
    return {"name": "scripted", "options": {"act": act, "bad": bad, **options}}
