"""Protocol of systems: a card, batches of queries, and extractions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from ..core.arrays import is_tensor
from ..datasets.batches import QueryBatch
from ..datasets.types import ClueKind, Query, Truth
from .shared.lengths import LENGTH_TOLERANCE_S, far_too_long, wrong_length

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ACTIVITY_HOP_S",
    "LENGTH_TOLERANCE_S",
    "AnySystem",
    "Extraction",
    "Family",
    "LabelledOutput",
    "Phase",
    "PrivilegedSystem",
    "QueryBatch",
    "Stream",
    "StreamingSystem",
    "System",
    "SystemCard",
    "activity_frames",
    "far_too_long",
    "why_not_streaming",
    "wrong_length",
]

ACTIVITY_HOP_S = 0.010
"""Length of a frame of `Extraction.activity`."""

Phase = Literal["kept", "generated"]

Family = Literal["baseline", "oracle", "discriminative", "generative", "cascade", "external"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCard:
    """Facts that are needed to run a system, to cite it and to cache its extractions.

    Attributes:
        clues: kinds of clue that it can use; empty if it ignores clues.
        sample_rate_hz: its own rate, or None for any.
        channels: of the mixture that it takes: 1, the reference channel alone; "any", all that there are; or another
            number, and mixtures of other numbers fail.
        padding_neutral: whether its estimates are independent of the padding of the batch.
        privileged: whether it reads the truth (an oracle); marked in every report.
        sha256: hash of its weights or of its program.
        unseen: what else its answers may depend on, in words; "" if card, options and code determine them. Later runs
            compute such a system's scores again, unless the user says `depends` or `cache: true`.
        training_data: names of its training data as in `datasets/contamination.py`, for example
            "librispeech:train-clean-100"; test sets that contain some of it are flagged.
        classes: its vocabulary of sound classes, or None if it has none.
        transcribes: whether its answers hold transcripts of the target's speech.
        detects_activity: whether its answers hold the activity of the enrolled speaker over time.
        labels_outputs: whether its answers hold labelled outputs (`Extraction.outputs`).
        stochastic: whether its answers depend on the seeds of the queries; a run can draw several samples of such a
            system (`samples`), and refuses to of any other.
        phase: "generated" where a vocoder, or a search such as Griffin-Lim, made the phase of the estimate from
            magnitudes, so that its waveform does not follow the target's: metrics that compare sample by sample (SNR,
            SI-SDR, SDR) are shown for such a system and never rank it. "kept" where masks, filters or a model of the
            waveform or of the complex spectrum give the phase.
        chunk_samples: samples, at its rate, that a stream answers at once, see `StreamingSystem`; None if it gives no
            streams.
        lookahead_samples: samples after a chunk that the answer to it depends on. The algorithmic latency is the sum.
        options: values that it was built with, as far as they change its estimates; of a sampled system also sampler,
            steps and `evaluations` (of its network, for each answer).
    """

    name: str
    family: Family
    description: str
    clues: frozenset[ClueKind] = frozenset()
    sample_rate_hz: int | None = None
    channels: int | Literal["any"] = 1
    causal: bool | None = None
    padding_neutral: bool = True
    privileged: bool = False
    checkpoint: str | None = None
    sha256: str | None = None
    unseen: str = ""
    licence: str = "Apache-2.0"
    training_data: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    transcribes: bool = False
    detects_activity: bool = False
    labels_outputs: bool = False
    stochastic: bool = False
    phase: Phase = "kept"
    chunk_samples: int | None = None
    lookahead_samples: int = 0
    options: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)

    @property
    def latency_samples(self) -> int | None:
        """Algorithmic latency of its streams: output up to t does not depend on input from t + latency on."""
        return None if self.chunk_samples is None else self.chunk_samples + self.lookahead_samples

    def __str__(self) -> str:
        """Name, family, clues, rate and weights in one line."""
        rate = f"{self.sample_rate_hz} Hz" if self.sample_rate_hz else "any sample rate"
        facts = [self.family, f"clues: {', '.join(sorted(self.clues)) or 'none'}", rate]
        facts += [] if self.channels == 1 else [f"{self.channels} channels"]
        facts += ["privileged"] if self.privileged else []
        facts += [f"{len(self.classes)} classes"] if self.classes else []
        facts += ["stochastic"] if self.stochastic else []
        facts += ["phase generated"] if self.phase == "generated" else []
        facts += [f"streams, {self._latency()} of latency"] if self.latency_samples else []
        facts += [f"checkpoint {self.checkpoint}"] if self.checkpoint else []
        return f"{self.name}: {'; '.join(facts)}"

    def _latency(self) -> str:
        samples, rate = self.latency_samples or 0, self.sample_rate_hz
        return f"{1e3 * samples / rate:.3g} ms" if rate else f"{samples} samples"


def activity_frames(length: int, sample_rate_hz: int) -> int:
    """Frames of `Extraction.activity` that cover a mixture of `length` samples."""
    return math.ceil(length / (ACTIVITY_HOP_S * sample_rate_hz))


@dataclass(frozen=True, slots=True)
class LabelledOutput:
    """One sound that a system found for a query, or one that is wanted.

    Attributes:
        label: its class, in the words of the set.
        signal: [T] float, as long as the query's mixture.
    """

    label: str
    signal: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """Estimates of a batch.

    Attributes:
        estimate: [B, T] float, T as in the batch's mixture; samples past a length are ignored. A system that takes
            several channels may give the target at each of them, [B, C, T]: the reference channel is the estimate, and
            binaural metrics take both. A system that reads files of another program returns one tensor [T_b] for each
            query; the scorer checks T_b.
        class_probabilities: [B, K] over the card's classes, if the system classifies.
        transcripts: recognised words, if the system recognises speech.
        activity: [B, K] probability that the enrolled speaker speaks, in each 10 ms of the batch's mixture (see
            `activity_frames`), if the system finds it; what follows a length is ignored.
        outputs: the sounds of each query with their labels, in any order, if the system tells them apart: none (an
            empty tuple) where it finds none, and several of one label where it finds several. The classes that a query
            names limit them; a query that names none is one for everything. `estimate` is their sum, or what else the
            system takes for the target.
        failures: reason by query id, for queries that cannot be answered; their part of `estimate` is ignored.
    """

    estimate: Tensor | Sequence[Tensor]
    class_probabilities: Tensor | None = None
    transcripts: tuple[str | None, ...] | None = None
    activity: Tensor | None = None
    outputs: Sequence[Sequence[LabelledOutput]] | None = None
    failures: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        def shape(tensor: object) -> str:
            return f"[{' x '.join(map(str, getattr(tensor, 'shape', ('?',))))}]"

        one = is_tensor(self.estimate)
        facts = [f"estimate {shape(self.estimate)}" if one else f"{len(self.estimate)} estimates of their own lengths"]
        if self.class_probabilities is not None:
            facts.append(f"class_probabilities {shape(self.class_probabilities)}")
        facts += [f"{len(self.transcripts)} transcripts"] if self.transcripts is not None else []
        facts += [f"activity {shape(self.activity)}"] if self.activity is not None else []
        if self.outputs is not None:
            facts.append(f"{sum(map(len, self.outputs))} labelled outputs")
        facts += [f"{len(self.failures)} failures"] if self.failures else []
        return f"<Extraction: {', '.join(facts)}>"


@runtime_checkable
class System(Protocol):
    """Extracts one wanted signal for each query of a batch."""

    card: SystemCard

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch at the card's sample rate.

        Raises:
            ExtractionError: the batch cannot be answered; the harness retries its queries alone.
        """
        ...


@runtime_checkable
class PrivilegedSystem(Protocol):
    """Oracle that reads the truth; its card has `privileged=True`."""

    card: SystemCard

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        ...


class Stream(Protocol):
    """One mixture that arrives in pieces."""

    def push(self, samples: Tensor, /) -> Tensor:
        """Next samples [C, n] of the mixture, n ≥ 1, to the next samples [m] of the estimate, m ≥ 0.

        Samples that are older than the latency of the card are answered. The answer does not depend on how the mixture
        is cut into pieces.
        """
        ...

    def finish(self) -> Tensor:
        """The rest [m] of the estimate, which then has as many samples as the mixture."""
        ...


@runtime_checkable
class StreamingSystem(System, Protocol):
    """Answers mixtures while they arrive; its card gives `chunk_samples` and `lookahead_samples`.

    A class may have `start` although one of its networks cannot stream; then the card has no `chunk_samples`.
    """

    def start(self, query: Query) -> Stream:
        """Begin to answer a query at the card's rate, whose mixture [C, 0] is pushed later.

        Raises:
            ExtractionError: the query cannot be answered, or the network does not stream.
        """
        ...


AnySystem = System | PrivilegedSystem


def why_not_streaming(system: AnySystem) -> str:
    """One line on why a system gives no streams; "" if it does."""
    name, advice = system.card.name, "`chunk_samples` on the card and start(query) make a system stream"
    if not isinstance(system, StreamingSystem):
        return f"system {name!r} does not stream: it answers whole mixtures alone; {advice} (docs/streaming.md)"
    if system.card.chunk_samples is None:
        return (
            f"system {name!r} does not stream: the network of this checkpoint looks ahead, and its card has no "
            "chunk_samples; give a checkpoint that was trained with net.causal: true"
        )
    return ""
