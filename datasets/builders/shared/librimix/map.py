"""Fixed map of enrollments for LibriMix: files of sources of other mixtures of the same set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from .....core.errors import CorpusError, DatasetError
from ....corpora.librispeech import speaker_of, utterance_of
from ....types import MixtureClip
from .tables import LibriMixRow, ScaledFile

Kind = Literal["other", "same_utterance", "same_file"]


class EnrollmentMap:
    """The file that each target is enrolled with.

    Args:
        lines: such as `A-1_B-2 A-1 s1/A-3_C-4`: mixture, target utterance, folder and name of the enrollment.
        where: the map, for messages.
        rows: mixtures of the set by id.

    Raises:
        CorpusError: a line is of another form, or two are of one target.
    """

    def __init__(self, lines: Sequence[str], *, where: str, rows: Mapping[str, LibriMixRow]) -> None:
        self._where, self._rows = where, rows
        self._clips: dict[tuple[str, str], MixtureClip] = {}
        for number, line in enumerate(lines, 1):
            cells = line.split()
            source, separator, mixture = cells[-1].partition("/")
            if len(cells) != 3 or not separator:
                raise CorpusError(
                    f"{where}: entry {number} is {line[:80]!r}, not `mixture utterance "
                    "s1/mixture`; correct it"
                )
            key = (cells[0], cells[1])
            if key in self._clips:
                raise CorpusError(f"{where}: {' '.join(key)!r} is there twice; remove one")
            self._clips[key] = MixtureClip(mixture_id=mixture, source_id=source)

    def clip(self, row: LibriMixRow, target_id: str) -> MixtureClip:
        """The enrollment of a target."""
        target = source_file(row, target_id)
        clip = self._clips.get((row.mixture_id, utterance_of(target.path)))
        if clip is None:
            raise DatasetError(
                f"{self._where} has no line for mixture {row.mixture_id!r} and utterance "
                f"{utterance_of(target.path)!r}; name the map of this set"
            )
        named = f"{self._where}: {clip.source_id}/{clip.mixture_id}, for mixture {row.mixture_id!r}"
        other = self._rows.get(clip.mixture_id)
        if other is None or clip.source_id not in {f"s{n}" for n in range(1, len(other.speech) + 1)}:
            raise DatasetError(f"{named}, is not in this set; name the set's own map")
        speaker, wanted = speaker_of(source_file(other, clip.source_id).path), speaker_of(target.path)
        if speaker != wanted:
            raise DatasetError(
                f"{named}, is speaker {speaker!r}, but the target is {wanted!r}; correct the map"
            )
        return clip

    def kind(self, row: LibriMixRow, target_id: str) -> Kind:
        """Whether the enrollment is another utterance than the target, the same one, or the very file."""
        clip = self.clip(row, target_id)
        if (clip.mixture_id, clip.source_id) == (row.mixture_id, target_id):
            return "same_file"
        enrolled = source_file(self._rows[clip.mixture_id], clip.source_id)
        return "same_utterance" if enrolled.path == source_file(row, target_id).path else "other"


def source_file(row: LibriMixRow, source_id: str) -> ScaledFile:
    """The recording of source s1, s2, ... of a mixture."""
    return row.speech[int(source_id[1:]) - 1]
