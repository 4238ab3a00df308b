"""Recipes of mixtures from the rows of LibriMix's table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from .....core.errors import AudioError, ConfigError, CorpusError
from ....corpora.librimix_metadata import LibriMixMetadata
from ....corpora.librispeech import LibriSpeech, speaker_of
from ....corpora.wham import Wham
from ....manifest import FileKey
from ....missing import MissingRecordingsError
from ....protocols.builder import TooFewRecordingsError
from ....renderers.librimix import SOURCE_RATE_HZ
from ....seeding import digest
from ....signals.audio import AudioInfo
from ....types import Clip, Mixture, Role, Source, Tag
from .tables import LibriMixRow, ScaledFile, Utterance, subset_of, utterance_rows

Mode = Literal["min", "max"]
Mix = Literal["clean", "both", "single"]


class Recipes:
    """Makes recipes; the i-th source of a mixture is called s1, s2, ..., the last one noise.

    `mode` "min" cuts all to the shortest utterance, "max" pads all to the longest.
    """

    def __init__(self, *, speech: Utterances, noise: Wham | None, sample_rate_hz: int, mode: Mode, mix: Mix) -> None:
        self._speech, self._noise = speech, noise
        self._sample_rate_hz, self._mode, self._mix = sample_rate_hz, mode, mix

    def mixture(self, row: LibriMixRow) -> Mixture:
        """The recipe of one row."""
        missing: dict[FileKey, str] = {}
        frames = [self._frames(part, missing) for part in row.speech]
        lengths = [-(-count * self._sample_rate_hz // SOURCE_RATE_HZ) for count in frames]
        num_samples = min(lengths) if self._mode == "min" else max(lengths)
        sources = [
            self._utterance(number, part, count, whole=length <= num_samples, missing=missing)
            for number, (part, count, length) in enumerate(zip(row.speech, frames, lengths, strict=True), 1)
        ]
        if self._noise is not None:
            sources.append(self._background(row, self._noise, max(frames), missing))
        if missing:
            raise MissingRecordingsError({**self._absent(row), **missing})
        return Mixture(
            id=row.mixture_id,
            sample_rate_hz=self._sample_rate_hz,
            num_samples=num_samples,
            sources=tuple(sources),
            quantise="int16",
            renderer="librimix",
            tags=self._tags(row, lengths),
        )

    def _frames(self, part: ScaledFile, missing: dict[FileKey, str]) -> int:
        try:
            return self._speech.frames(part.path)
        except AudioError as error:
            missing[self._speech.corpus.name, part.path] = str(error)
            return 1

    def _absent(self, row: LibriMixRow) -> dict[FileKey, str]:
        """All utterances of a row that are not there, also those whose length a list gives."""
        corpus = self._speech.corpus
        errors = {part.path: _error(corpus.header, part.path) for part in row.speech}
        return {(corpus.name, path): error for path, error in errors.items() if error}

    def _utterance(
        self, number: int, part: ScaledFile, frames: int, *, whole: bool, missing: dict[FileKey, str]
    ) -> Source:
        corpus = self._speech.corpus
        transcript = None
        try:
            transcript = corpus.transcript(part.path) if whole else None
        except CorpusError as error:
            missing.setdefault((corpus.name, part.path), str(error))
        # The script cuts s1 and noise to the length of all, also where it does not mix s2 in.
        role: Role = "auxiliary" if self._mix == "single" and number > 1 else "foreground"
        return Source(
            id=f"s{number}",
            label=speaker_of(part.path),
            role=role,
            clip=Clip(corpus=corpus.name, path=part.path, start=0, frames=frames),
            gain=part.gain,
            transcript=transcript,
        )

    def _background(self, row: LibriMixRow, corpus: Wham, longest: int, missing: dict[FileKey, str]) -> Source:
        if row.noise is None:
            raise ConfigError(
                f"the table of mixtures has no column noise_path, but mix = {self._mix!r}; set "
                "`mix: clean`, or name another table"
            )
        frames = 1
        try:
            # The script reads noise up to the longest utterance.
            frames = min(longest, corpus.header(row.noise.path).frames)
        except AudioError as error:
            missing[corpus.name, row.noise.path] = str(error)
        return Source(
            id="noise",
            label="noise",
            role="background",
            clip=Clip(corpus=corpus.name, path=row.noise.path, start=0, frames=frames),
            gain=row.noise.gain,
        )

    def _tags(self, row: LibriMixRow, lengths: Sequence[int]) -> dict[str, Tag]:
        mixed = row.speech[:1] if self._mix == "single" else row.speech
        tags: dict[str, Tag] = {
            "n_speakers": len(mixed),
            "gender_pair": "".join(sorted(self._speech.sex(part.path) for part in mixed)),
            "noise": "none" if self._noise is None else "wham",
        }
        if self._mode == "max" and len(mixed) == 2:
            tags["overlap"] = round(min(lengths) / max(lengths), 1)
        return tags


def _error(read: Callable[[str], AudioInfo], path: str) -> str | None:
    try:
        read(path)
    except AudioError as error:
        return str(error)
    return None


SHORTEST_FRAMES = 3 * SOURCE_RATE_HZ  # LibriMix takes utterances of at least 3 s, so enrollments are as long


class Utterances:
    """The utterances of LibriSpeech; reading is safe from several threads.

    Where `metadata` is given and has LibriMix's list `LibriSpeech/<subset>.csv`, nothing of an utterance is read from
    disk; without it the set is the same.
    """

    def __init__(self, corpus: LibriSpeech, metadata: LibriMixMetadata | None) -> None:
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
        """Another utterance of the same speaker, of 3 s and more, that is not in `used`.

        Candidates are ranked by SHA-256 of the key and their path, so that a choice does not depend on which other
        files exist; one that cannot be read is taken for one of 3 s.
        """
        seed = digest(*key)
        candidates = [other for other in self._of_speaker(path) if other not in used]
        for other in sorted(candidates, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()):
            if self._lost(other) or self.frames(other) >= SHORTEST_FRAMES:
                return other
        raise TooFewRecordingsError(
            f"speaker {speaker_of(path)!r} of corpus {self.corpus.name!r} has no utterance of 3 s "
            f"besides {path!r} to enroll with; complete the corpus"
        )

    def clip(self, path: str) -> Clip:
        """The whole of an utterance; of one that cannot be read one frame, so that it counts as missing."""
        frames = 1 if self._lost(path) else self.frames(path)
        return Clip(corpus=self.corpus.name, path=path, start=0, frames=frames)

    def _lost(self, path: str) -> bool:
        """Whether the length of an utterance is unknown, since its file cannot be read."""
        try:
            self.frames(path)
        except AudioError as error:
            if _error(self.corpus.header, path) is None:  # of another rate
                raise MissingRecordingsError({(self.corpus.name, path): str(error)}) from None
            return True
        return False

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
            lists = self._metadata if self._metadata is not None and self._metadata.has(name) else None
            self._lists[subset] = {} if lists is None else utterance_rows(lists.table(name))
        return self._lists[subset]
