"""Recipes of mixtures that lie there as files, with their sources."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ....core.errors import AudioError, ConfigError, CorpusError
from ...corpora.disk.signal_tree import SignalTree
from ...manifest import FileKey
from ...missing import MissingRecordingsError
from ...protocols.corpus import ChannelCorpus, Corpus
from ...renderers.written import MIXED
from ...seeding import digest
from ...signals.audio import AudioInfo
from ...types import Clip, Mixture, Role, Source, Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Speaker and utterance of one signal of a mixture."""

    speaker: str
    utterance: str
    transcript: str | None = None


class WrittenMixtures:
    """Mixtures in one folder of a tree.

    Args:
        folder: folder of the signals, relative to the tree's root.
        mixed: name of the folder of mixtures, such as `mix_clean`.
        signals: roles of the other folders.
        all_channels: mixtures and sources keep all channels of their files; the reference channel is the corpus's.
        table: path of the script's table, whose order counts; without it, names of all signals are sorted.
    """

    def __init__(
        self,
        tree: SignalTree,
        *,
        folder: str,
        mixed: str,
        signals: Mapping[str, Role],
        sample_rate_hz: int,
        all_channels: bool = False,
        table: str | None = None,
    ) -> None:
        self._reference = reference_channel(tree) if all_channels else None
        self.tree = tree
        self._folder, self._mixed, self._signals, self._rate = folder, mixed, dict(signals), sample_rate_hz
        self._paths = {name: tree.files(folder, name) for name in (mixed, *signals)}
        table = None if table is None else posixpath.normpath(table)
        listed = tree.table(table) if table is not None else None
        there = self._paths[mixed]
        # Without a table, a mixture that lost one of its files is known by the others.
        every = sorted({name for paths in self._paths.values() for name in paths})
        self.names = tuple(every) if listed is None else listed.key_column("mixture_ID")
        if not there:
            raise CorpusError(
                f"corpus {tree.name!r}: {str(tree.root / folder)!r} has no files in {mixed}; make them with the "
                "set's script, or name another kind of mixture"
            )
        unlisted = sorted({*every} - {*self.names})
        self.notes: tuple[str, ...] = ()
        if unlisted:
            self.notes = (
                f"{len(unlisted)} mixtures, the first is {unlisted[0]!r}, are not in {table} and are left out",
            )

    def mixture(self, name: str, spoken: Mapping[str, Spoken], tags: Mapping[str, Tag]) -> Mixture:
        """The recipe of one mixture; `spoken` is by signal, and the others are labelled by their signal."""
        missing: dict[FileKey, str] = {}
        headers = {signal: self._header(name, signal, missing) for signal in (self._mixed, *self._signals)}
        whole = headers[self._mixed]
        for signal, role in self._signals.items():
            header = headers[signal]
            if header and whole and role != "auxiliary" and header.frames != whole.frames:
                missing[self._key(name, signal)] = (
                    f"file {self._path(name, signal)!r} has {header.frames} samples and its mixture {whole.frames}; "
                    "copy both again"
                )
            elif self._reference is not None and header and whole and role != "auxiliary":
                self._check_channels(name, signal, header.channels, whole.channels)
        if missing or whole is None:
            raise MissingRecordingsError(missing)
        reference = self._reference if whole.channels > 1 else None
        signals: dict[str, Role] = {**self._signals, self._mixed: "auxiliary"}
        sources = [
            self._source(name, signal, role, headers[signal], spoken.get(signal)) for signal, role in signals.items()
        ]
        return Mixture(
            id=name,
            sample_rate_hz=self._rate,
            num_samples=whole.frames,
            sources=tuple(sources),
            renderer="written",
            tags=tags,
            channels=1 if reference is None else whole.channels,
            reference_channel=reference or 0,
        )

    def clip(self, name: str, signal: str) -> Clip:
        """The whole of a signal of a mixture; of a file that cannot be read one frame, so that it counts as missing."""
        header = self._header(name, signal, {})
        frames = header.frames if header else 1
        return Clip(corpus=self.tree.name, path=self._path(name, signal), start=0, frames=frames)

    def _source(self, name: str, signal: str, role: Role, header: AudioInfo | None, spoken: Spoken | None) -> Source:
        return Source(
            id=MIXED if signal == self._mixed else signal,
            label=spoken.speaker if spoken else signal,
            role=role,
            clip=Clip(
                corpus=self.tree.name, path=self._path(name, signal), start=0, frames=header.frames if header else 1
            ),
            gain=1.0,
            transcript=spoken.transcript if spoken else None,
        )

    def _path(self, name: str, signal: str) -> str:
        inside = "" if self._folder == "." else f"{self._folder}/"
        return self._paths.get(signal, {}).get(name, f"{inside}{signal}/{name}.wav")

    def _key(self, name: str, signal: str) -> FileKey:
        return (self.tree.name, self._path(name, signal))

    def _header(self, name: str, signal: str, missing: dict[FileKey, str]) -> AudioInfo | None:
        """Header of one file at the rate of the set; what is wrong with it goes to `missing`."""
        try:
            header = self.tree.header(self._path(name, signal))
        except AudioError as error:
            missing[self._key(name, signal)] = str(error)
            return None
        channel = self.tree.channel
        usable = header.channels == 1 or channel == "mean" or (channel is not None and channel < header.channels)
        if header.sample_rate_hz != self._rate or not usable:
            one = "one" if channel is None else f"channel {channel}"
            raise CorpusError(
                f"corpus {self.tree.name!r}: {self._path(name, signal)!r} is at {header.sample_rate_hz} Hz with "
                f"{header.channels} channels, not at {self._rate} Hz with {one}; correct `sample_rate_hz` or the "
                "folder, or choose the reference channel of such files with the corpus's option channel"
            )
        return header

    def _check_channels(self, name: str, signal: str, channels: int, wanted: int) -> None:
        if channels != wanted:
            raise CorpusError(
                f"corpus {self.tree.name!r}: {self._path(name, signal)!r} has {channels} channels and its mixture "
                f"{wanted}; restore both, or leave out all_channels"
            )


def reference_channel(corpus: Corpus) -> int:
    """The reference channel of recordings with several channels: the one that the corpus reads.

    Raises:
        ConfigError: it reads the mean of all, has one channel, or says none.
    """
    channel = corpus.channel if isinstance(corpus, ChannelCorpus) else None
    if not isinstance(channel, int):
        raise ConfigError(
            f"all_channels needs a reference channel, and corpus {corpus.name!r} has channel = {channel}; give it "
            "`channel: 0` or another number"
        )
    return channel


class OtherUtterances:
    """Draws enrollments among the sources of other mixtures.

    Args:
        spoken: what the signals of each mixture hold, by mixture and signal.
    """

    def __init__(self, spoken: Mapping[str, Mapping[str, Spoken]]) -> None:
        self._spoken = spoken
        self._of_speaker: dict[str, list[tuple[str, str, str]]] = {}
        for name, signals in spoken.items():
            for signal, said in signals.items():
                self._of_speaker.setdefault(said.speaker, []).append((name, signal, said.utterance))

    @property
    def any(self) -> bool:
        """Whether a speaker has two utterances."""
        return any(len({utterance for _, _, utterance in every}) > 1 for every in self._of_speaker.values())

    def draw(self, name: str, signal: str, *, key: Sequence[str | int], count: int = 1) -> list[tuple[str, str]]:
        """Mixtures and signals of other utterances of a target's speaker, ranked by SHA-256; [] if too few."""
        used = {said.utterance for said in self._spoken[name].values()}
        seed = digest(*key)
        free = [one for one in self._of_speaker[self._spoken[name][signal].speaker] if one[0] != name]
        found: list[tuple[str, str]] = []
        for other, source, utterance in sorted(free, key=lambda one: _rank(seed, f"{one[1]}/{one[0]}")):
            if utterance not in used and len(found) < count:
                used.add(utterance)
                found.append((other, source))
        return found if len(found) == count else []


def _rank(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
