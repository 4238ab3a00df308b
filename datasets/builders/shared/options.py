"""Types of builders' options: their constraints, and the words of those that mean the same in several builders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"{list(value)} falls; write the lowest first")
    return value


Level = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]

MixtureCount = Annotated[
    int, Field(gt=0, description="number of mixtures of the set; a training draws on as many as it needs")
]
MixtureRate = Annotated[
    int, Field(gt=0, description="sample rate of the mixtures; recordings of other rates are resampled to it")
]
MixtureSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="length of every mixture")]
Peak = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="largest magnitude of a mixture and of each of its sources, full scale being 1; a louder mixture "
        "is scaled down to it as a whole, sources and all",
    ),
]
Quantise = Annotated[
    Literal["none", "int16"],
    Field(
        description='"int16" rounds mixture and sources, each by itself, to what 16-bit files would hold; "none" '
        "leaves them in 32-bit floating point"
    ),
]
ClassEnrollments = Annotated[
    int,
    Field(
        gt=0,
        description="enrollment clips of each queried class, where `clues` holds enrollment; from recordings, and "
        "groups of recordings, that the mixture does not use",
    ),
]
EnrollmentSeconds = Annotated[
    float,
    Field(
        gt=0, allow_inf_nan=False, description="longest enrollment clip; of a longer recording its beginning is used"
    ),
]
InactiveLabels = Annotated[
    tuple[str, ...],
    Field(description="classes that a query may name although the mixture does not hold them; null: the vocabulary"),
]
Confusable = Annotated[
    Mapping[str, tuple[str, ...]],
    Field(
        description='label of an event or background, or "*" for any mixture, to classes that no query names as absent '
        "from a mixture with it: near-synonyms, or sounds that such a scene holds anyway"
    ),
]
SpeakerTargets = Annotated[
    Literal["all", "first"],
    Field(description='speakers that are queried: "all" in turn, each a trial, or the "first" (s1) alone'),
]
AbsentSpeakerCount = Annotated[
    int,
    Field(
        ge=0,
        description="queries of each mixture by an enrollment of a speaker whom it does not hold (FUQ, 0:1), each by "
        "another speaker, enrolled as those in the mixture are; n of them are the first n of more. With such queries "
        "all trials of a mixture are named by numbers in a random order, so that no name tells who is absent. 0: none",
    ),
]
SpeakerClues = Annotated[
    tuple[Literal["enrollment", "activity"], ...],
    Field(
        min_length=1,
        description='what a query gives of its speaker: recordings ("enrollment"), the times of speech in the mixture '
        '("activity", from the clean signal: within 40 dB of its loudest 10 ms, pauses under 0.2 s included), or both',
    ),
]
PlacedSpeakerClues = Annotated[
    tuple[Literal["enrollment", "activity", "direction"], ...],
    Field(
        min_length=1,
        description="what a query gives of its speaker: as for other speech mixtures, and where the speaker is, seen "
        'from the middle of the `microphones` ("direction"); in any combination',
    ),
]
Limit = Annotated[int, Field(gt=0, description="only so many mixtures, the first of the list; null: all")]
MeasureSnr = Annotated[
    bool,
    Field(
        description="tag trials with `input_snr_db`, the power of the target over that of the rest of the mixture; the "
        "build then renders every mixture"
    ),
]

AllChannels = Annotated[
    bool,
    Field(
        description="mixtures keep all channels of their files, for systems that take several; the reference channel, "
        "which all other systems and metrics take, is the corpus's `channel`. false: that channel alone"
    ),
]

LevelSpan = Annotated[tuple[Level, Level], AfterValidator(_rising)]
SecondsSpan = Annotated[tuple[Seconds, Seconds], AfterValidator(_rising)]
ShareSpan = Annotated[tuple[Share, Share], AfterValidator(_rising)]
