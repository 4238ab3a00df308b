"""Verification gate behind any system: the output is silenced unless its voice is that of the enrollment.

Delcroix et al., "Listen only to me! How well can target speech extraction handle false alarms?", Interspeech 2022,
where a verification of the extracted speech decides whether the target is in the mixture (TSE-V).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ..core.errors import ConfigError
from ..datasets.batches import channel_of
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.enrolled import NO_ENROLLMENT, has_samples
from .shared.speaker_embedders import SpeakerEmbedder, cosines, open_embedder
from .shared.speaker_models import Input
from .shared.wrapped import joined_sha256, joined_training_data, open_wrapped, unseen_behind, wraps_foreign_code

NAME = "gated"

Cosine = Annotated[float, Field(ge=-1, le=1)]


@register_system(NAME)
class Gated:
    """A system whose output is silenced where its voice is not that of the enrollment.

    The voices of output and enrollment are compared by the cosine of their embeddings; of several enrollments, joined
    one after another. The decision is on the whole output, so a gated system is not causal. A threshold is chosen on a
    development set: the one of equal errors of the metric `verification_score`, with the same embedder and the system
    without its gate (docs/absent_speakers.md).

    Args:
        system: name of the registered system behind the gate; none that reads the truth.
        options: its options.
        embedder: of voices: a checkpoint of separate_then_identify, such as separate_then_identify_mini, or an ONNX
            file of a speaker model.
        threshold: cosine below which the output is silenced; it depends on the embedder.
        embedder_input: input of an ONNX file: "waveform", samples of full scale ±1, or "fbank80", 80 log mel energies
            as WeSpeaker's models take.
        embedder_rate_hz: sample rate that an ONNX file was trained at; signals are resampled to it.
        embedder_output: name of an ONNX file's output; null: its only one.

    Raises:
        ConfigError: the system is unknown, reads the truth, or an option of it is wrong.
        CheckpointError: weights are missing, unsafe or do not fit.
    """

    runs_foreign_code = staticmethod(wraps_foreign_code)

    def __init__(
        self,
        *,
        system: str,
        options: Mapping[str, Any] | None = None,
        embedder: str,
        threshold: Cosine,
        embedder_input: Input = "waveform",
        embedder_rate_hz: int = 16000,
        embedder_output: str | None = None,
        device: str = "cpu",
    ) -> None:
        if system == NAME:
            raise ConfigError(f"system {NAME!r}: system = {NAME!r} gates a gate; name the system behind it")
        self._inner = open_wrapped(
            system,
            options,
            device=device,
            problem=f"system {NAME!r}: system = {system!r} reads the truth, and so knows who is absent; name one that "
            "does not",
        )
        self._threshold = threshold
        self._embedder = open_embedder(
            embedder,
            where=f"system {NAME!r}",
            input=embedder_input,
            sample_rate_hz=embedder_rate_hz,
            output=embedder_output,
            device=device,
        )
        settings = {
            "embedder": embedder,
            "threshold": threshold,
            "embedder_input": embedder_input,
            "embedder_rate_hz": embedder_rate_hz,
            "embedder_output": embedder_output,
        }
        self.card = _card(self._inner.card, system, self._embedder, settings)

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        answer = self._inner.extract(batch)
        failures = dict(answer.failures)
        silenced: list[int] = []
        for row, (query_id, clues) in enumerate(zip(batch.ids, batch.clues, strict=True)):
            if not has_samples(clues.enrollments):
                failures.setdefault(query_id, NO_ENROLLMENT)
            if query_id in failures:
                continue
            signal = _signal(answer, row, batch)
            if not self._accepts(signal, torch.cat([*clues.enrollments]), batch.sample_rate_hz):
                silenced.append(row)
        return replace(answer, **_silenced(answer, silenced), failures=failures)

    def _accepts(self, signal: Tensor, enrollment: Tensor, sample_rate_hz: int) -> bool:
        (cosine,) = cosines([signal], enrollment, embedder=self._embedder, sample_rate_hz=sample_rate_hz)
        return cosine is not None and cosine >= self._threshold


def _card(inner: SystemCard, system: str, embedder: SpeakerEmbedder, settings: Mapping[str, Any]) -> SystemCard:
    """Card of a system with a gate: that of the system, but for what the gate changes."""
    return replace(
        inner,
        name=NAME,
        family="cascade" if inner.family == "baseline" else inner.family,
        description=f"{inner.description}; silenced unless verified as the enrolled voice",
        clues=inner.clues | {"enrollment"},
        causal=False,
        chunk_samples=None,
        lookahead_samples=0,
        sha256=joined_sha256(inner.sha256, embedder.sha256),
        unseen=unseen_behind(system, inner.unseen),
        training_data=joined_training_data(inner.training_data, embedder.training_data),
        options={"system": system, **{f"{system}.{k}": v for k, v in inner.options.items()}, **settings},
    )


def _signal(answer: Extraction, row: int, batch: QueryBatch) -> Tensor:
    """Output [T] of a query without the padding of its batch."""
    found = answer.estimate[row]
    if found.ndim == 2:
        found = channel_of(found, batch.reference_channel)
    return found[: int(batch.lengths[row])] if isinstance(answer.estimate, Tensor) else found


def _silenced(answer: Extraction, rows: Sequence[int]) -> dict[str, Any]:
    """The parts of an answer that change where some outputs are silenced."""
    if not rows:
        return {}
    changed: dict[str, Any] = {}
    if isinstance(answer.estimate, Tensor):
        changed["estimate"] = answer.estimate.clone()
        changed["estimate"][list(rows)] = 0.0
    else:
        changed["estimate"] = [
            torch.zeros_like(found) if row in rows else found for row, found in enumerate(answer.estimate)
        ]
    if answer.transcripts is not None:
        changed["transcripts"] = tuple("" if row in rows else words for row, words in enumerate(answer.transcripts))
    if answer.activity is not None:
        changed["activity"] = answer.activity.clone()
        changed["activity"][list(rows)] = 0.0
    if answer.outputs is not None:
        changed["outputs"] = tuple(() if row in rows else sounds for row, sounds in enumerate(answer.outputs))
    return changed
