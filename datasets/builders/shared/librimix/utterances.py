"""Utterances of LibriSpeech in LibriMix: lengths, speakers, sexes, and enrollments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from .....core.errors import AudioError
from ....corpora.librimix_metadata import LibriMixMetadata
from ....corpora.librispeech import LibriSpeech, speaker_of
from ....missing import MissingRecordingsError
from ....protocols.builder import TooFewRecordingsError
from ....renderers.librimix import SOURCE_RATE_HZ
from ....seeding import digest
from .tables import Utterance, subset_of, utterance_rows

SHORTEST_FRAMES = 3 * SOURCE_RATE_HZ
"""LibriMix takes utterances of at least 3 s, so enrollments are as long."""


class Utterances:
    """The utterances of LibriSpeech; reading is safe from several threads.

    Where `metadata` has LibriMix's list `LibriSpeech/<subset>.csv`, nothing of an utterance is read from
    disk; without it the set is the same.
    """

    def __init__(self, corpus: LibriSpeech, metadata: LibriMixMetadata) -> None:
        self.corpus = corpus
        self._metadata = metadata
        self._lists: dict[str, Mapping[str, Utterance]] = {}
        self._speakers: dict[tuple[str, str], list[str]] = {}
        self._read: dict[str, int] = {}

    def frames(self, path: str) -> int:
        """Length at 16 kHz."""
        listed = self._listed(subset_of(path)).get(path)
        if listed is not None:
            return listed.frames
        if path not in self._read:
            header = self.corpus.header(path)
            if header.sample_rate_hz != SOURCE_RATE_HZ:
                raise AudioError(
                    f"recording {path!r} of corpus {self.corpus.name!r} has {header.sample_rate_hz} "
                    f"Hz, not {SOURCE_RATE_HZ}; restore the original"
                )
            self._read[path] = header.frames
        return self._read[path]

    def sex(self, path: str) -> str:
        """Sex of the speaker of an utterance, "F" or "M", from LibriMix's list or SPEAKERS.TXT."""
        listed = self._listed(subset_of(path)).get(path)
        return listed.sex if listed is not None else self.corpus.sex(speaker_of(path))

    def draw_other(self, path: str, *, used: frozenset[str], key: tuple[str | int, ...]) -> str:
        """Another utterance of the same speaker, of 3 s and more.

        Candidates are ranked by SHA-256 of the key and their path, so that a choice does not depend on
        which other files exist.

        Args:
            path: the target.
            used: utterances that may not be chosen.
            key: seed of the draw.
        """
        seed = digest(*key)
        candidates = [other for other in self._of_speaker(path) if other not in used]
        for other in sorted(candidates, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()):
            try:
                frames = self.frames(other)
            except AudioError as error:
                raise MissingRecordingsError({(self.corpus.name, other): str(error)}) from None
            if frames >= SHORTEST_FRAMES:
                return other
        raise TooFewRecordingsError(
            f"speaker {speaker_of(path)!r} of corpus {self.corpus.name!r} has no utterance of 3 s "
            f"besides {path!r} to enroll with; complete the corpus"
        )

    def _of_speaker(self, path: str) -> list[str]:
        subset, speaker = subset_of(path), speaker_of(path)
        if (subset, speaker) not in self._speakers:
            listed = self._listed(subset)
            paths = [other for other in listed if speaker_of(other) == speaker]
            self._speakers[subset, speaker] = paths if listed else self.corpus.utterances(subset, speaker)
        return self._speakers[subset, speaker]

    def _listed(self, subset: str) -> Mapping[str, Utterance]:
        if subset not in self._lists:
            name = f"LibriSpeech/{subset}.csv"
            exists = self._metadata.has(name)
            self._lists[subset] = utterance_rows(self._metadata.table(name)) if exists else {}
        return self._lists[subset]
