"""Conversion between recipes and soundscapes of Scaper, without loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import DatasetError
from ..protocols.corpus import Corpora, Recording
from ..renderers import scaper
from ..signals.mixing import db_to_gain, round_gain
from ..types import Clip, Mixture, Source, Tag
from .events import SoundEvent, Soundscape, dump_jams, frames_of, seconds_of

DEFAULT_REF_DB = -12.0
"""Scaper's reference level; a mixture without a background has none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """The recording of an event's file."""

    corpus: str
    recording: Recording


Finder = Callable[[SoundEvent], FoundFile]

_RENDERERS: Mapping[tuple[bool, bool], str] = {
    (False, False): scaper.PLAIN,
    (True, False): scaper.FIX_CLIPPING,
    (False, True): scaper.NORMALISED,
    (True, True): scaper.NORMALISED,
}


def mixture_of(soundscape: Soundscape, mixture_id: str, find: Finder, *, tags: Mapping[str, Tag]) -> Mixture:
    """The recipe of a soundscape; sources are background(s), then s1, s2, ... in order of time."""
    rate = soundscape.sample_rate_hz
    backgrounds = [event for event in soundscape.events if event.role == "background"]
    foregrounds = [event for event in soundscape.events if event.role == "foreground"]

    def source(name: str, event: SoundEvent) -> Source:
        is_event = event.role == "foreground"
        return Source(
            id=name,
            label=event.label,
            role=event.role,
            clip=_clip(event, find(event)),
            gain=_gain(soundscape.ref_db + (event.snr_db if is_event else 0.0)),
            onset=frames_of(event.event_time_s, rate) if is_event else 0,
            fade=frames_of(soundscape.fade_in_s, rate) if is_event else 0,
        )

    sources = [source(f"background{n if n > 1 else ''}", event) for n, event in enumerate(backgrounds, 1)]
    sources += [source(f"s{n}", event) for n, event in enumerate(foregrounds, 1)]
    return Mixture(
        id=mixture_id,
        sample_rate_hz=rate,
        num_samples=frames_of(soundscape.duration_s, rate),
        sources=tuple(sources),
        renderer=_RENDERERS[soundscape.fix_clipping, soundscape.peak_normalization],
        tags=tags,
    )


def soundscape_of(mixture: Mixture, corpora: Corpora) -> Soundscape:
    """The soundscape of a recipe of the renderers "scaper...".

    Files are named by their full path if their corpus has a folder, else by corpus and path.
    """
    _check(mixture)
    backgrounds = [source for source in mixture.sources if source.role == "background"]
    rate = mixture.sample_rate_hz
    ref_db = _level_db(backgrounds[0].gain) if backgrounds else DEFAULT_REF_DB
    fades = {source.fade for source in mixture.sources if source.role == "foreground"}
    fade_s = seconds_of(max(fades, default=0), rate)
    folders = {
        role: _folder(next((s for s in mixture.sources if s.role == role), None), corpora)
        for role in ("foreground", "background")
    }
    return Soundscape(
        duration_s=seconds_of(mixture.num_samples, rate),
        sample_rate_hz=rate,
        ref_db=ref_db,
        fade_in_s=fade_s,
        fade_out_s=fade_s,
        events=tuple(_event(source, mixture, ref_db, corpora) for source in mixture.sources),
        fix_clipping=mixture.renderer == scaper.FIX_CLIPPING,
        peak_normalization=mixture.renderer == scaper.NORMALISED,
        fg_path=folders["foreground"],
        # Scaper wants a folder even if there is no background.
        bg_path=folders["background"] or folders["foreground"],
    )


def jams_sidecars(mixture: Mixture, corpora: Corpora) -> dict[str, bytes]:
    """The JAMS file of a mixture, by path."""
    return {f"{mixture.id}.jams": dump_jams(soundscape_of(mixture, corpora))}


def safe_id(text: str) -> str:
    """A text as an id, which may be a file name."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", text)


def _clip(event: SoundEvent, found: FoundFile) -> Clip:
    """The stretch that Scaper reads; it ends with the file if it is too long."""
    recording = found.recording
    rate = recording.sample_rate_hz
    start = frames_of(event.source_time_s, rate)
    stop = frames_of(event.source_time_s + event.event_duration_s, rate)
    frames = min(stop, recording.frames) - start
    if frames <= 0:
        raise DatasetError(
            f"the event {event.label!r} at {event.event_time_s} s takes {event.source_file!r} from "
            f"{event.source_time_s} s on, but the file ends at {recording.frames / rate:.3f} s; it "
            "is not the file that the soundscape was made from"
        )
    return Clip(corpus=found.corpus, path=recording.path, start=start, frames=frames)


def _gain(level_db: float) -> float:
    return round_gain(db_to_gain(level_db))


def _level_db(gain: float) -> float:
    """The shortest level that gives a gain again."""
    exact = 20.0 * float(np.log10(gain))
    for digits in range(8):
        if _gain(round(exact, digits)) == gain:
            return round(exact, digits)
    return exact


def _event(source: Source, mixture: Mixture, ref_db: float, corpora: Corpora) -> SoundEvent:
    rate = mixture.sample_rate_hz
    _, own_hz = corpora[source.clip.corpus].read(source.clip.path, source.clip.start, 1)
    start_s = seconds_of(source.clip.start, own_hz)
    stop = source.clip.start + source.clip.frames
    in_front = source.role == "foreground"
    duration_s = seconds_of(stop, own_hz, after_s=start_s)
    if not in_front:  # Scaper repeats a background that is shorter
        duration_s = max(duration_s, seconds_of(mixture.num_samples, rate))
    return SoundEvent(
        role="foreground" if in_front else "background",
        label=source.label,
        source_file=f"{_folder(source, corpora) or source.clip.corpus}/{source.clip.path}",
        source_time_s=start_s,
        event_time_s=seconds_of(source.onset, rate),
        event_duration_s=duration_s,
        snr_db=round(_level_db(source.gain) - ref_db, 9) if in_front else 0.0,
    )


def _folder(source: Source | None, corpora: Corpora) -> str:
    """Folder of the corpus of a source, if it has one."""
    root = getattr(corpora[source.clip.corpus], "root", None) if source else None
    return root.as_posix() if isinstance(root, Path) else ""


def _check(mixture: Mixture) -> None:
    backgrounds = {source.gain for source in mixture.sources if source.role == "background"}
    fades = {source.fade for source in mixture.sources if source.role == "foreground"}
    what = None
    if mixture.renderer not in {*_RENDERERS.values(), scaper.CLIPPED}:
        what = f"is of renderer {mixture.renderer!r}"
    elif any(source.role == "auxiliary" for source in mixture.sources):
        what = "has auxiliary signals"
    elif any(source.impulse_response is not None for source in mixture.sources):
        what = "has impulse responses"
    elif len(backgrounds) > 1 or len(fades) > 1:
        what = "has backgrounds of several levels, or events with several fades"
    if what:
        raise DatasetError(
            f"mixture {mixture.id!r} {what}, which JAMS files of Scaper cannot hold; write wav files only"
        )
