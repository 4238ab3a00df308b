"""JAMS files as Scaper reads and writes them: sound events, their files, times and levels.

JAMS is JSON (Humphrey et al., ISMIR 2014); Scaper puts its events into one annotation of namespace "scaper" and its
settings into that annotation's sandbox.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ... import __version__
from ...core.errors import DatasetError
from ...core.json_text import read_json
from ...core.validation import first_problem

SCAPER_VERSION = "1.6.5"
"""The version of Scaper whose files these are."""

_OLD_RATE_HZ = 44_100
_NAMESPACE = "scaper"

_MAX_S, _MAX_HZ, _MAX_DB = 1e6, 1_000_000, 300.0  # beyond these a file is damaged
_NotNegative = Annotated[float, Field(ge=0, le=_MAX_S, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, le=_MAX_S, allow_inf_nan=False)]
_Finite = Annotated[float, Field(ge=-_MAX_DB, le=_MAX_DB, allow_inf_nan=False)]
_Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]


def _key(name: str) -> Any:
    """Scaper's name of a field, in files."""
    return Field(validation_alias=name, serialization_alias=name)


class SoundEvent(BaseModel):
    """One sound from `source_time_s` of its file on; `snr_db` in LU above the reference level, 0 for a background."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    role: Literal["background", "foreground"]
    label: str
    source_file: str
    pitch_shift: _Finite | None = None
    time_stretch: _Positive | None = None
    source_time_s: Annotated[_NotNegative, _key("source_time")]
    event_time_s: Annotated[_NotNegative, _key("event_time")]
    event_duration_s: Annotated[_Positive, _key("event_duration")]
    snr_db: Annotated[_Finite, _key("snr")]


class Soundscape(BaseModel):
    """Content of one JAMS file of Scaper (some lack settings); `ref_db` is the background's level in LUFS."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    duration_s: Annotated[_Positive, _key("duration")]
    original_duration: _Positive | None = Field(default=None, repr=False)
    sample_rate_hz: Annotated[int, Field(gt=0, le=_MAX_HZ), _key("sr")] = _OLD_RATE_HZ
    ref_db: _Finite
    fade_in_s: Annotated[_NotNegative, _key("fade_in_len")]
    fade_out_s: Annotated[_NotNegative, _key("fade_out_len")]
    events: tuple[SoundEvent, ...] = ()
    n_channels: int = 1
    reverb: float | None = None
    fix_clipping: _Flag = False
    peak_normalization: _Flag = False
    trimmed: bool = False
    fg_path: str = ""
    bg_path: str = ""


class _Observation(BaseModel):
    value: SoundEvent


class _Sandbox(BaseModel):
    scaper: Soundscape
    slice: list[Any] = []


class _Annotation(BaseModel):
    data: list[_Observation]
    sandbox: _Sandbox


def read_jams(path: Path) -> Soundscape:
    """Read a JAMS file of Scaper; DatasetError if it is missing, not JAMS, or not of Scaper."""
    try:
        content: Any = read_json(path)
        found = [one for one in content["annotations"] if one["namespace"] == _NAMESPACE]
    except OSError as error:
        raise DatasetError(f"cannot read JAMS file {str(path)!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise DatasetError(
            f"{str(path)!r} is not a JAMS file (JSON with `annotations`); replace or remove it"
        ) from None
    if not found:
        raise DatasetError(
            f"JAMS file {str(path)!r} has no annotation of namespace {_NAMESPACE!r}; only files "
            "that Scaper 1.0 or later wrote can be read"
        )
    try:
        annotation = _Annotation.model_validate(found[0])
    except ValidationError as error:
        problem = first_problem(error, _Annotation)
        raise DatasetError(f"JAMS file {str(path)!r} is damaged: {problem}; replace or remove it") from None
    scape = annotation.sandbox.scaper
    events = sorted((each.value for each in annotation.data), key=lambda event: event.event_time_s)
    return scape.model_copy(
        update={
            "duration_s": scape.original_duration or scape.duration_s,
            "original_duration": None,
            "trimmed": bool(annotation.sandbox.slice),
            "events": tuple(events),
        }
    )


def dump_jams(soundscape: Soundscape) -> bytes:
    """The JAMS file of a soundscape; `scaper.generate_from_jams` makes its audio."""
    ordered = sorted(soundscape.events, key=lambda event: event.event_time_s)
    annotation = {
        "annotation_metadata": {
            "curator": {"name": "", "email": ""},
            "annotator": {},
            **dict.fromkeys(("version", "corpus"), ""),
            "annotation_tools": f"tsebench {__version__}",
            **dict.fromkeys(("annotation_rules", "validation", "data_source"), ""),
        },
        "namespace": _NAMESPACE,
        "data": [_observation(event) for event in ordered],
        "sandbox": {"scaper": _settings(soundscape)},
        "time": 0,
        "duration": soundscape.duration_s,
    }
    content = {
        "annotations": [annotation],
        "file_metadata": {
            **dict.fromkeys(("title", "artist", "release"), ""),
            "duration": soundscape.duration_s,
            "identifiers": {},
            "jams_version": "0.3.5",
        },
        "sandbox": {},
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def frames_of(seconds: float, rate_hz: int) -> int:
    """Scaper's rounding of a time to samples: down."""
    return int(seconds * rate_hz)


def seconds_of(frames: int, rate_hz: int, *, after_s: float = 0.0) -> float:
    """The time at which Scaper finds a sample again, counted from `after_s`.

    `int(t * rate)` of t = frames / rate may be one sample less than `frames`.
    """
    seconds = max(0.0, frames / rate_hz - after_s)
    while frames_of(after_s + seconds, rate_hz) < frames:
        seconds = math.nextafter(max(seconds, after_s * 2.0**-52), math.inf)
    return seconds


def _observation(event: SoundEvent) -> dict[str, object]:
    stretched_s = event.event_duration_s * (event.time_stretch or 1.0)
    value = event.model_dump(by_alias=True)
    return {"time": event.event_time_s, "duration": stretched_s, "value": value, "confidence": 1.0}


def _settings(soundscape: Soundscape) -> dict[str, object]:
    """Scaper's sandbox, as far as Scaper reads it."""
    return {
        "duration": soundscape.duration_s,
        "original_duration": soundscape.duration_s,
        "fg_path": soundscape.fg_path,
        "bg_path": soundscape.bg_path,
        "protected_labels": [],
        "sr": soundscape.sample_rate_hz,
        "ref_db": soundscape.ref_db,
        "n_channels": soundscape.n_channels,
        "fade_in_len": soundscape.fade_in_s,
        "fade_out_len": soundscape.fade_out_s,
        "n_events": sum(event.role == "foreground" for event in soundscape.events),
        "reverb": soundscape.reverb,
        "scaper_version": SCAPER_VERSION,
        "fix_clipping": soundscape.fix_clipping,
        "peak_normalization": soundscape.peak_normalization,
        "quick_pitch_time": False,
    }
