"""`windowed`: any system on windows of long recordings, whose answers are stitched together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ..core.errors import ConfigError, ExtractionError
from .protocol import Extraction, QueryBatch, System, SystemCard
from .registry import register_system
from .shared.windows import Stitcher, Windows, clues_of, grouped
from .shared.wrapped import open_wrapped, unseen_behind, wraps_foreign_code

NAME = "windowed"
_SEEDS = 2**63

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@register_system(NAME)
class WindowedSystem:
    """Runs a system on windows of at most `window_s`, every `hop_s`, and cross-fades their answers.

    For meetings and other recordings that a system cannot take as a whole. Each window has all clues of the query, and
    of a video its own pictures. A recording that is not longer than a window is answered at once, as by the system
    itself. The last window ends with the recording. What two windows share is cross-faded linearly in its middle half,
    so that a system whose output depends on less than a quarter of it around gives the same answer as on the whole.
    What grows with the recording is the input and the estimate alone. A window that fails is a failure of its query.

    Args:
        system: registered name of the system.
        options: its options.
        window_s: length of a window.
        hop_s: distance of the windows, from half of `window_s` to all of it: the rest is cross-faded.
        at_once: most windows of a recording in one batch of the system.

    Raises:
        ConfigError: the hop does not fit the window, or the system is an oracle or windowed itself.
    """

    runs_foreign_code = staticmethod(wraps_foreign_code)

    def __init__(
        self,
        *,
        system: str,
        options: Mapping[str, Any] | None = None,
        window_s: Seconds = 20.0,
        hop_s: Seconds = 16.0,
        at_once: Annotated[int, Field(gt=0)] = 1,
        device: str = "cpu",
    ) -> None:
        if not window_s / 2 <= hop_s <= window_s:
            raise ConfigError(
                f"system {NAME!r}: hop_s = {hop_s:g} with window_s = {window_s:g}; the hop is half of the window or "
                "more, and at most the window"
            )
        if system == NAME:
            raise ConfigError(f"system {NAME!r} cannot window itself; name the system of the windows")
        self.inner: System = open_wrapped(
            system,
            options,
            device=device,
            problem=f"system {NAME!r}: {system!r} reads the truth of a whole recording; run it without windows",
        )
        self._window_s, self._hop_s, self._at_once = window_s, hop_s, at_once
        self.card = _card(self.inner.card, system, window_s=window_s, hop_s=hop_s)

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch, query by query where one is longer than a window."""
        rate_hz = batch.sample_rate_hz
        windows = Windows(window=max(2, round(self._window_s * rate_hz)), hop=max(1, round(self._hop_s * rate_hz)))
        if batch.mixture.shape[-1] <= windows.window:
            return replace(self.inner.extract(batch), transcripts=None, activity=None, outputs=None)
        estimate: Tensor | None = None
        probabilities: list[Tensor] = []
        failures: dict[str, str] = {}
        for row, length in enumerate(batch.lengths.tolist()):
            written, classes = 0, None
            try:
                for piece, found in self._pieces(batch, row, length, windows):
                    if estimate is None:
                        estimate = piece.new_zeros(len(batch), *piece.shape[:-1], batch.mixture.shape[-1])
                    estimate[row, ..., written : written + piece.shape[-1]] = piece
                    written, classes = written + piece.shape[-1], found
            except _WindowError as error:
                failures[batch.ids[row]] = str(error)
                continue
            probabilities += [] if classes is None else [classes]
        if estimate is None:
            estimate = batch.mixture.new_zeros(len(batch), batch.mixture.shape[-1])
        complete = len(probabilities) == len(batch)
        return Extraction(
            estimate=estimate, class_probabilities=torch.stack(probabilities) if complete else None, failures=failures
        )

    def _pieces(
        self, batch: QueryBatch, row: int, length: int, windows: Windows
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Pieces [n] or [C, n] of the estimate of one query, and the largest of each class probability [K] so far."""
        stitcher, classes = Stitcher(), None
        for starts in grouped(windows.starts(length), self._at_once):
            part = _windows_of(batch, row, starts, min(windows.window, length))
            answer = self.inner.extract(part)
            for failure in answer.failures.values():
                raise _WindowError(f"window: {failure}")
            if answer.class_probabilities is not None:
                found = answer.class_probabilities.amax(dim=0)
                classes = found if classes is None else torch.maximum(classes, found)
            for start, estimate in zip(starts, answer.estimate, strict=True):
                if estimate.shape not in (part.mixture.shape[-1:], part.mixture.shape[1:]):
                    raise _WindowError(f"window: estimate has shape {list(estimate.shape)}")
                yield stitcher.push(estimate, start=start), classes
        rest = stitcher.finish()
        if rest is None:
            raise _WindowError("window: no estimate")
        yield rest, classes


class _WindowError(ExtractionError):
    """A window that was not answered."""


def _windows_of(batch: QueryBatch, row: int, starts: Sequence[int], size: int) -> QueryBatch:
    """Some windows of one query as a batch."""
    rate_hz, name = batch.sample_rate_hz, batch.ids[row]
    return QueryBatch(
        ids=tuple(f"{name}+{start}" for start in starts),
        mixture=torch.stack([batch.mixture[row, :, start : start + size] for start in starts]),
        lengths=torch.full((len(starts),), size, device=batch.lengths.device),
        sample_rate_hz=rate_hz,
        clues=tuple(clues_of(batch.clues[row], start=s, frames=size, sample_rate_hz=rate_hz) for s in starts),
        seeds=tuple((batch.seeds[row] + start) % _SEEDS for start in starts),
        reference_channel=batch.reference_channel,
    )


def _card(inner: SystemCard, system: str, *, window_s: float, hop_s: float) -> SystemCard:
    """The card of the system, with the windows among its options."""
    return replace(
        inner,
        name=f"{NAME}_{inner.name}",
        description=f"{inner.description}; windows of {window_s:g} s every {hop_s:g} s",
        causal=False,
        chunk_samples=None,
        lookahead_samples=0,
        transcribes=False,
        detects_activity=False,
        labels_outputs=False,
        unseen=unseen_behind(system, inner.unseen),
        options={**inner.options, "system": system, "window_s": window_s, "hop_s": hop_s},
    )
