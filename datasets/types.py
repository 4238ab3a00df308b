"""Recipes (clips, sources, mixtures, trials) and their rendered forms (queries, truths).

Audio is float32 with full scale ±1, shape [C, T] (C channels, T samples) unless stated. Ids are stable: letters,
digits, `_`, `-`, `.` and `+` only, so that they can be file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Tag = str | int | float | bool
Role = Literal["foreground", "background", "auxiliary"]
ClueKind = Literal["enrollment", "classes", "text", "video"]
ConditionKind = Literal["FMQ", "PMQ", "FUQ"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A stretch of one file of a corpus; its path is relative to the corpus root, with forward slashes."""

    corpus: str
    path: str
    start: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureClip:
    """A source of another mixture of the set, scaled and cut as it is rendered there; some protocols enroll with it."""

    mixture_id: str
    source_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoClip:
    """A stretch of one video of a corpus; `start` and `frames` count pictures of the video."""

    corpus: str
    path: str
    start: int
    frames: int


EnrollmentClip = Clip | MixtureClip


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One sound in a mixture.

    Attributes:
        role: "auxiliary" signals are scaled with the mixture and are not in it.
        gain: linear factor, applied after resampling.
        onset: first sample in the mixture, at the mixture's rate.
        fade: samples of the raised-cosine fade at both ends.
        impulse_response: a room that the clip is convolved with, or None.
    """

    id: str
    label: str
    role: Role
    clip: Clip
    gain: float
    onset: int = 0
    fade: int = 0
    transcript: str | None = None
    impulse_response: Clip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A recipe; rendering it is deterministic.

    Attributes:
        quantise: "int16" renders what a 16-bit file would hold; "none" keeps float32.
        renderer: registered name of its renderer; some official scripts have their own.
        tags: properties that reports slice by (input level, overlap, scene, ...).
    """

    id: str
    sample_rate_hz: int
    num_samples: int
    sources: tuple[Source, ...]
    quantise: Literal["none", "int16"] = "none"
    renderer: str = "standard"
    tags: Mapping[str, Tag] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClueSpec:
    """Recipe of a query's clues, in any combination.

    `classes` is sorted, so that its order does not give away which class is active; `enrollments` follow the order of
    `classes` where both are given.
    """

    enrollments: tuple[EnrollmentClip, ...] = ()
    classes: tuple[str, ...] = ()
    text: str | None = None
    video: VideoClip | None = None

    def kinds(self) -> frozenset[ClueKind]:
        """The kinds of clue that are present."""
        present: dict[ClueKind, bool] = {
            "enrollment": bool(self.enrollments),
            "classes": bool(self.classes),
            "text": self.text is not None,
            "video": self.video is not None,
        }
        return frozenset(kind for kind, is_present in present.items() if is_present)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A query condition (n_active : n_inactive), as in the query-refinement paper."""

    n_active: int
    n_inactive: int

    @property
    def kind(self) -> ConditionKind:
        """FMQ names only active classes, FUQ only inactive ones, PMQ both."""
        if self.n_inactive == 0:
            return "FMQ"
        return "PMQ" if self.n_active else "FUQ"

    def __str__(self) -> str:
        return f"{self.n_active}:{self.n_inactive}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A mixture, a clue, and the target sources.

    Attributes:
        target_ids: sources whose sum is the reference; empty if the target is absent.
        cluster: trials of one cluster are resampled together (the mixture's id).
    """

    id: str
    mixture_id: str
    clue: ClueSpec
    target_ids: tuple[str, ...]
    condition: Condition
    cluster: str
    tags: Mapping[str, Tag] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """A rendered clue.

    Attributes:
        enrollments: mono float32 tensors [T_k] at the query's rate.
        video: [F, H, W] float32 in 0..1, grey, as many pictures as the mixture lasts.
    """

    enrollments: tuple[Tensor, ...] = ()
    classes: tuple[str, ...] = ()
    text: str | None = None
    video: Tensor | None = None
    video_fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Input of a system: the mixture [C, T] and the clues."""

    id: str
    mixture: Tensor
    sample_rate_hz: int
    clues: Clues


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Reference of a trial; only privileged systems see it.

    Attributes:
        target: [C, T], or None if the target is absent.
        interferers: [S, T], every source that is not part of the target, background included.
        active_classes: labels of the foreground sources of the mixture.
    """

    target: Tensor | None
    interferers: Tensor
    active_classes: tuple[str, ...]
    transcript: str | None
    target_labels: tuple[str, ...] = ()
