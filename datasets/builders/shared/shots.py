"""The K known clips of new classes, and the recordings that share no group with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from ....core.errors import DatasetError
from ...protocols.builder import Pool, stretch
from ...protocols.corpus import Recording
from ...seeding import generator
from ...types import Clip
from .audibility import Audibility
from .class_trials import Enrollee


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """The known clips of each new class."""

    known: Pool  # K recordings of each class
    others: Pool  # recordings of the same classes, none of the group of a reserved one
    groups: frozenset[str]  # groups of all reserved recordings
    max_s: float  # longest enrollment clip

    def clips(self, wanted: Enrollee, *, held: Clip | None = None) -> tuple[Clip, ...]:
        """Enrollment clips of a class: the known ones whose group the mixture does not hold.

        Args:
            held: a further clip, whose group is left out as if the mixture held it.
        """
        label, mixture = wanted.label, wanted.mixture
        clips = [*(source.clip for source in mixture.sources), *([held] if held else [])]
        used = {self.known.group_of(clip.path) for clip in clips if clip.corpus == self.known.corpus}
        free = [r for r in self.known.by_label[label] if r.group not in used]
        if not free and held is not None:
            return self.clips(wanted)
        if not free:
            raise DatasetError(
                f"mixture {mixture.id!r} holds all groups of the known clips of new class "
                f"{label!r}; raise `shots`, or set clues: [classes]"
            )
        return tuple(stretch(self.known, recording, seconds=self.max_s) for recording in free)


def choose_shots(
    source: Pool,
    tested: Pool,
    *,
    key: tuple[str | int, ...],
    shots: int,
    reserved: int,
    max_s: float,
    audibility: Audibility,
) -> Shots:
    """Choose the known clips of each class of `tested` among the audible recordings of `source`.

    Recordings have an order of their own by `key`: the first K are the shots, and the groups of the first `reserved`
    are excluded from test mixtures.
    """

    def audible(label: str) -> Iterator[Recording]:
        choices = source.by_label.get(label, ())
        for place in generator(*key, "shots", label).permutation(len(choices)):
            recording = choices[int(place)]
            if audibility.audible(stretch(source, recording, seconds=max_s)):
                yield recording

    found = {label: tuple(islice(audible(label), reserved)) for label in tested.labels}
    for label, some in found.items():
        if len(some) < shots:
            raise DatasetError(
                f"new class {label!r} of corpus {source.corpus!r} has {len(some)} audible "
                f"recordings to take shots = {shots} from; lower it, or exclude the class"
            )
    groups = frozenset(recording.group for some in found.values() for recording in some)
    return Shots(
        known=replace(source, by_label={label: some[:shots] for label, some in found.items()}),
        others=without_groups(tested, groups),
        groups=groups,
        max_s=max_s,
    )


def without_groups(pool: Pool, groups: frozenset[str]) -> Pool:
    """A pool without the recordings of some groups."""
    rest = pool.filtered(lambda recording: recording.group not in groups)
    for label, left in rest.by_label.items():
        if not left:
            raise DatasetError(
                f"class {label!r} of corpus {pool.corpus!r} has no recording for mixtures besides the reserved clips "
                "of new classes and their groups; lower `reserved`, set `shots_split`, or exclude the class"
            )
    return rest
