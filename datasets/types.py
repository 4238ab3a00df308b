"""Recipes (clips, sources, mixtures, trials) and their rendered forms (queries, truths).

Audio is float32 with full scale ±1, shape [C, T] (C channels, T samples) unless stated. Ids are stable: letters,
digits, `_`, `-`, `.` and `+` only, so that they can be file names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .facts import ConditionKind
from .microphones import Microphones, Position

if TYPE_CHECKING:
    from torch import Tensor

Tag = str | int | float | bool
Role = Literal["foreground", "background", "auxiliary"]
ClueKind = Literal["enrollment", "classes", "text", "video", "activity", "direction"]


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
    """A stretch of one video of a corpus; `start` and `frames` count pictures, and 0 frames are black pictures."""

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
        position_m: where it is, in a mixture with microphones.
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
    position_m: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A recipe; rendering it is deterministic.

    Attributes:
        quantise: "int16" renders what a 16-bit file would hold; "none" keeps float32.
        renderer: registered name of its renderer; some official scripts have their own.
        tags: properties that reports slice by (input level, overlap, scene, ...).
        channels: of the mixture and its references.
        reference_channel: the one, from 0, that systems and metrics of one channel take.
        microphones: of the renderer `standard`, which makes the channels from single recordings; None: recordings have
            all channels already.
    """

    id: str
    sample_rate_hz: int
    num_samples: int
    sources: tuple[Source, ...]
    quantise: Literal["none", "int16"] = "none"
    renderer: str = "standard"
    tags: Mapping[str, Tag] = field(default_factory=dict)
    channels: int = 1
    reference_channel: int = 0
    microphones: Microphones | None = None


Spans = tuple[tuple[float, float], ...]
"""Stretches of time (start, end) in s from the beginning of the mixture, sorted, without overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Direction from the microphones to a source.

    Attributes:
        azimuth_deg: angle in the horizontal plane, 0 ahead of the array, positive to its left; -180 < azimuth <= 180.
        elevation_deg: angle above that plane, -90 to 90.
    """

    azimuth_deg: float
    elevation_deg: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClueSpec:
    """Recipe of a query's clues, in any combination.

    `classes` is sorted, so that its order does not give away which class is active; `enrollments` follow the order of
    `classes` where both are given.

    Attributes:
        text: description of what is wanted.
        negative_text: description of what is in the mixture and not wanted, in addition to `text`.
        activity: when the target sounds; an empty tuple: never.
        direction: where the target is.
    """

    enrollments: tuple[EnrollmentClip, ...] = ()
    classes: tuple[str, ...] = ()
    text: str | None = None
    video: VideoClip | None = None
    negative_text: str | None = None
    activity: Spans | None = None
    direction: Direction | None = None

    def kinds(self) -> frozenset[ClueKind]:
        """The kinds of clue that are present."""
        return _kinds(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A query condition (n_active : n_inactive), as in the query-refinement paper."""

    n_active: int
    n_inactive: int

    @property
    def kind(self) -> ConditionKind:
        """FMQ names only active classes, FUQ only inactive ones, PMQ both; "" (0:0) stands for no query."""
        if self.n_inactive == 0:
            return "FMQ" if self.n_active else ""
        return "PMQ" if self.n_active else "FUQ"

    def __str__(self) -> str:
        return f"{self.n_active}:{self.n_inactive}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTarget:
    """Facts on a target that speaks in a real recording, of which there is no clean reference.

    Attributes:
        speaker: label of the target.
        transcript: words of the target in the mixture, as they were written; None: unknown.
        language: of these words, a code of ISO 639 such as "en" or "zh"; "": unknown.
        activity: when the target speaks; None: unknown.
    """

    speaker: str
    transcript: str | None = None
    language: str = ""
    activity: Spans | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """A degradation of a query by name, level and options, seed of draws (0 ≤ seed < 2⁶³), and recordings it needs."""

    name: str
    settings: Mapping[str, Tag]
    seed: int
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A mixture, a clue, and the target sources.

    Attributes:
        target_ids: sources whose sum is the reference; empty if the target is absent, or has no reference.
        cluster: trials of one cluster are resampled together (the mixture's id).
        recorded: facts on a target that is in the mixture and has no reference; None: it has one, or is absent.
        degraded: degradations of the query, in the order in which they are applied; the reference stays.
    """

    id: str
    mixture_id: str
    clue: ClueSpec
    target_ids: tuple[str, ...]
    condition: Condition
    cluster: str
    tags: Mapping[str, Tag] = field(default_factory=dict)
    recorded: RecordedTarget | None = None
    degraded: tuple[Degraded, ...] = ()

    @property
    def present(self) -> bool:
        """Whether the target is in the mixture, with a reference or without."""
        return bool(self.target_ids) or self.recorded is not None

    def __repr__(self) -> str:
        unnamed = "absent" if self.recorded is None else f"{self.recorded.speaker}, without reference"
        target, clue = ", ".join(self.target_ids) or unnamed, ", ".join(sorted(self.clue.kinds())) or "none"
        asked = f"{self.condition.kind} {self.condition}, mixture {self.mixture_id}"
        return f"<Trial {self.id}: {asked}, target {target}; clue: {clue}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """A rendered clue.

    Attributes:
        enrollments: mono float32 tensors [T_k] at the query's rate.
        text: description of what is wanted.
        negative_text: description of what is not wanted, in addition to `text`; no clue by itself.
        activity: when the target sounds; an empty tuple: never.
        direction: where the target is.
        video: [F, H, W] float32 in 0..1, grey, as many pictures as the mixture lasts; or features of them [F, 1, D].
    """

    enrollments: tuple[Tensor, ...] = ()
    classes: tuple[str, ...] = ()
    text: str | None = None
    video: Tensor | None = None
    video_fps: float | None = None
    negative_text: str | None = None
    activity: Spans | None = None
    direction: Direction | None = None

    def kinds(self) -> frozenset[ClueKind]:
        """The kinds of clue that are present."""
        return _kinds(self)

    def __repr__(self) -> str:
        return f"<Clues: {', '.join(_described(self)) or 'none'}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Input of a system: the mixture [C, T] and the clues.

    Attributes:
        seed: of everything random in the answer, 0 ≤ seed < 2⁶³. Data sets and runs set it by `seeding.sample_seed`; a
            query that is made by hand has 0.
        reference_channel: of the mixture's channels the one whose target is wanted, where one signal is.
    """

    id: str
    mixture: Tensor
    sample_rate_hz: int
    clues: Clues
    seed: int = 0
    reference_channel: int = 0

    def __repr__(self) -> str:
        clues = ", ".join(_described(self.clues, self.sample_rate_hz)) or "none"
        return f"<Query {self.id}: mixture {extent(self.mixture, self.sample_rate_hz)}; clues: {clues}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Reference of a trial; only privileged systems see it.

    Attributes:
        target: [C, T], as each microphone records it; None if it is absent, or has no reference (`recorded`).
        interferers: [S, T], every source that is not part of the target, background included, at the reference channel.
        active_classes: labels of the foreground sources of the mixture.
        parts: [T] of each source of the target by its id, at the reference channel, for example "on" and "off" of on-
            and off-screen speech.
        interferer_roles: those of the interferers, S of them; none: unknown.
        recorded: facts on a target that is in the mixture and has no reference.
    """

    target: Tensor | None
    interferers: Tensor
    active_classes: tuple[str, ...]
    transcript: str | None
    target_labels: tuple[str, ...] = ()
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    interferer_roles: tuple[Role, ...] = ()
    recorded: RecordedTarget | None = None

    def __repr__(self) -> str:
        unnamed = "absent" if self.recorded is None else "without reference"
        target = unnamed if self.target is None else extent(self.target)
        labels = f" ({', '.join(self.target_labels)})" if self.target_labels else ""
        words = "" if self.transcript is None else f", transcript of {len(self.transcript.split())} words"
        return f"<Truth: target {target}{labels}, {[*getattr(self.interferers, 'shape', ()), 0][0]} interferers{words}>"


def extent(signal: object, sample_rate_hz: int | None = None) -> str:
    """Length and channels of a signal [C, T] or [T] in words: "3.90 s at 8000 Hz", "31200 samples, 2 channels"."""
    shape = tuple(getattr(signal, "shape", ()))
    if not shape:
        return "no signal"
    length = f"{shape[-1] / sample_rate_hz:.2f} s at {sample_rate_hz} Hz" if sample_rate_hz else f"{shape[-1]} samples"
    return length if len(shape) < 2 or shape[-2] == 1 else f"{length}, {shape[-2]} channels"


def _kinds(clue: ClueSpec | Clues) -> frozenset[ClueKind]:
    present: dict[ClueKind, bool] = {
        "enrollment": bool(clue.enrollments),
        "classes": bool(clue.classes),
        "text": clue.text is not None,
        "video": clue.video is not None,
        "activity": clue.activity is not None,
        "direction": clue.direction is not None,
    }
    return frozenset(kind for kind, is_present in present.items() if is_present)


def _described(clues: Clues, sample_rate_hz: int | None = None) -> Iterator[str]:
    """Each kind of clue with its size, in words."""
    if clues.enrollments:
        lengths = ((*getattr(signal, "shape", ()), 0)[0] for signal in clues.enrollments)
        unit = [f"{n / sample_rate_hz:.2f} s" if sample_rate_hz else f"{n} samples" for n in lengths]
        yield f"enrollment of {' + '.join(unit[:3])}{' + ...' if len(unit) > 3 else ''}"
    if clues.classes:
        yield f"classes {', '.join(clues.classes[:6])}{', ...' if len(clues.classes) > 6 else ''}"
    if clues.text is not None:
        yield f"text {clues.text[:60]!r}"
    if clues.negative_text is not None:
        yield f"negative text {clues.negative_text[:60]!r}"
    if clues.video is not None:
        frames, *size = getattr(clues.video, "shape", (0,))
        yield f"video of {frames} pictures {' x '.join(map(str, size))}"
    if clues.activity is not None:
        yield f"activity of {sum(end - start for start, end in clues.activity):.2f} s"
    if clues.direction is not None:
        yield f"direction {clues.direction.azimuth_deg:g}°, {clues.direction.elevation_deg:g}°"
