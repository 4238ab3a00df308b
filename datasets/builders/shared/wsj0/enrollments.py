"""Enrollments and trials on WSJ0 mixtures, by protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .....core.errors import DatasetError
from ....missing import MissingRecordingsError
from ....protocols.builder import BuildContext, enrollment_clips
from ....seeding import generator
from ....types import Clip, ClueSpec, EnrollmentClip, Mixture, MixtureClip, Source, Trial
from ..target_trials import target_trial
from .levels import Wsj0Utterances
from .mixture_lists import ListedMixture, NameIndex, read_auxiliaries, speaker_of, utterance_id

_WHOLE_S = 86_400.0  # longer than any utterance


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """The enrollment of one target, and the name of the trial."""

    clips: tuple[EnrollmentClip, ...]
    trial_id: str


Place = tuple[int, str]
"""A source of a mixture: the number of its row, and its id."""


def places_of(rows: Iterable[ListedMixture], *, first: bool) -> dict[str, list[Place]]:
    """The sources that can be targets, by speaker, of each row or only its `first`."""
    found: dict[str, list[Place]] = {}
    for number, row in enumerate(rows):
        for place, speaker in enumerate(row.speakers[:1] if first else row.speakers, 1):
            if speaker not in row.repeated_speakers:
                found.setdefault(speaker, []).append((number, f"s{place}"))
    return found


Enroll = Callable[[Mixture, Source, int], Enrolled | None]
"""Enrolls a target of a mixture on the n-th pass through the list; None if nothing is listed."""


def enroll_at(
    place: Place, turn: int, *, mixture_of: Callable[[int], Mixture], enroll: Enroll
) -> tuple[EnrollmentClip, ...]:
    """Enrollments of the target at a place; none if nothing is listed, or a recording of that mixture is missing."""
    number, source_id = place
    try:
        mixture = mixture_of(number)
    except MissingRecordingsError:
        return ()
    target = next(source for source in mixture.sources if source.id == source_id)
    found = enroll(mixture, target, turn)
    return found.clips if found else ()


def enroll_with_auxiliary(mixture: Mixture, _target: Source, _turn: int) -> Enrolled:
    """As in WSJ0-2mix-extr: by the auxiliary signal of the mixture itself."""
    clip = MixtureClip(mixture_id=mixture.id, source_id="aux")
    return Enrolled(clips=(clip,), trial_id=mixture.id)


def enroll_by_draw(speech: Wsj0Utterances, context: BuildContext, *, count: int, max_s: float | None) -> Enroll:
    """By utterances that the mixture does not use, drawn by the seed of the set."""

    def enroll(mixture: Mixture, target: Source, turn: int) -> Enrolled:
        again = (turn,) if turn else ()
        clips = enrollment_clips(
            speech.pool,
            target.label,
            used=[source.clip for source in mixture.sources],
            rng=generator(*context.key(mixture.id), "enrollment", target.id, *again),
            count=count,
            max_s=max_s or _WHOLE_S,
        )
        return Enrolled(clips=clips, trial_id=f"{mixture.id}_{target.id}")

    return enroll


def enroll_by_list(path: Path, rows: Sequence[ListedMixture], speech: Wsj0Utterances) -> Enroll:
    """By a list of auxiliary utterances; each is for the speaker who says it."""
    known = {row.name: row for row in rows}
    index = NameIndex(known)
    paths: dict[tuple[str, str], str] = {}
    lines: dict[tuple[str, str], int] = {}
    for listed in read_auxiliaries(path):
        name = listed.mixture if listed.mixture in known else index.match(listed.mixture)
        speaker = speaker_of(utterance_id(listed.path))
        if speaker not in {speaker_of(utterance) for utterance in known[name].utterances}:
            raise DatasetError(
                f"list {str(path)!r} gives mixture {name!r} the auxiliary utterance "
                f"{listed.path!r}, of a speaker who is not in it; correct the list"
            )
        paths[name, speaker] = listed.path
        if (first := lines.setdefault((name, speaker), listed.line)) != listed.line:
            raise DatasetError(
                f"{str(path)!r}, lines {first} and {listed.line}: the auxiliary utterance of speaker {speaker!r} of "
                f"mixture {name!r} is given twice; remove one of the lines"
            )

    def enroll(mixture: Mixture, target: Source, _turn: int) -> Enrolled | None:
        listed = paths.get((mixture.id, target.label))
        if listed is None:
            return None
        (recording,) = speech.recordings([listed])
        name = f"{mixture.id}_{utterance_id(listed)}"
        return Enrolled(clips=(speech.clip(recording),), trial_id=name)

    return enroll


def make_trial(row: ListedMixture, mixture: Mixture, target: Source, enrolled: Enrolled) -> Trial:
    """The trial whose target is one source of a mixture.

    The tag `input_snr_db` is the active level of the target against that of all others, as the list has them.
    """
    levels_db = {f"s{number}": float(snr) for number, snr in enumerate(row.snrs, 1)}
    own_db = levels_db.pop(target.id)
    others = sum(10.0 ** (level / 10.0) for level in levels_db.values())
    same = any(isinstance(c, Clip) and c.path == target.clip.path for c in enrolled.clips)
    tags = {
        "target": target.label,
        "enrollment": "same_utterance" if same else "other",
        "input_snr_db": round(own_db - 10.0 * math.log10(others), 1),
        **mixture.tags,
    }
    clue = ClueSpec(enrollments=enrolled.clips)
    return target_trial(mixture, target.id, clue=clue, tags=tags, trial_id=enrolled.trial_id)
