"""LibriMix from the files that its script wrote, without the corpora that it was made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from ...core.errors import ConfigError, DatasetError
from ..corpora.disk.signal_tree import SignalTree
from ..corpora.librimix_files import LibriMixFiles
from ..corpora.librimix_metadata import LibriMixMetadata
from ..corpora.librispeech import LibriSpeech
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn
from ..render import input_snr, render
from ..renderers.librimix import MIX, MODE, SOURCE_RATE_HZ
from ..types import Clip, ClueSpec, Mixture, Role, Tag, Trial
from .shared.absent_speakers import AbsentSpeakers
from .shared.librimix.recipes import Mix, Mode, Utterances
from .shared.librimix.tables import EnrollmentMap, LibriMixRow, Place, ScaledFile, places_of
from .shared.options import AbsentSpeakerCount, AllChannels, Limit, MeasureSnr, SpeakerTargets
from .shared.target_trials import CUT_NOTE, NO_CLUE, NOTE, target_trial
from .shared.written_mixtures import OtherUtterances, Spoken, WrittenMixtures

_UTTERANCE = re.compile(r"\d+-\d+-\d+")
_UNKNOWN_WORDS = "transcripts are not known without LibriSpeech; name it as `speech` to measure word error rates"


@BUILDERS.register("librimix_files")
class LibriMixOfFiles:
    """Trials on the mixtures of one part, with the ids and the order of the builder `librimix`.

    Signals are read from their files, and scores are those of the set rendered from the corpora. The split names the
    part: train-100, train-360, dev or test. Speakers are read from the names of the mixtures.

    Args:
        n_speakers: speakers of each mixture.
        sample_rate_hz: sample rate of the mixtures.
        mode: "min" cuts all to the shortest utterance, "max" pads all to the longest.
        mix: "clean" is the speech of all, "both" speech and noise, "single" s1 and noise. Levels are those of the
            official metadata, which no key changes.
        enrollment: "drawn": the file of another mixture in which the speaker says something else, or another utterance
            of `speech` as `librimix` draws it; "map": of `enrollment_map`; "none": trials without a clue.
        enrollment_map: file below the corpus `lists`, of lines `mixture utterance s1/mixture`.
        leak_free: leave out trials that enroll with the target's own utterance.
        files: name of the corpus of files in `corpora`.
        speech: name of LibriSpeech in `corpora`, for transcripts and enrollments; null: without.
        lists: name of the corpus of LibriMix's metadata in `corpora`, for the map.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        n_speakers: Count = 2,
        sample_rate_hz: Literal[8000, 16000] = 8000,
        mode: Mode = MODE,
        mix: Mix = MIX,
        targets: SpeakerTargets = "all",
        absent_speakers: AbsentSpeakerCount = 0,
        enrollment: Literal["drawn", "map", "none"] = "drawn",
        enrollment_map: str | None = None,
        leak_free: bool = False,
        limit: Limit | None = None,
        measure_snr: MeasureSnr = False,
        all_channels: AllChannels = False,
        files: str = "librimix_files",
        speech: str | None = None,
        lists: str = "librimix",
    ) -> None:
        self.sample_rate_hz: int = sample_rate_hz
        self._context, self._targets, self._mix = context, targets, mix
        self._leak_free, self._measure_snr = leak_free, measure_snr
        tree: SignalTree = context.corpus_of(LibriMixFiles, "librimix_files", files)
        part = context.split
        folder = tree.folder(part, sample_rate_hz=sample_rate_hz, mode=mode)
        self._written = WrittenMixtures(
            tree,
            folder=folder,
            mixed=f"mix_{mix}",
            signals=_signals(n_speakers, mix),
            sample_rate_hz=sample_rate_hz,
            all_channels=all_channels,
            table=f"{folder}/../metadata/mixture_{part}_mix_{mix}.csv",
        )
        self._speech: Utterances | None = None
        if speech is not None:
            self._speech = Utterances(context.corpus_of(LibriSpeech, "librispeech", speech), None)
        subset = tree.split_names.get(part, part)
        every = [
            _row(name, n_speakers, subset, where=tree.name, nameless=enrollment == "none")
            for name in self._written.names
        ]
        self._rows = {row.mixture_id: row for row in every}
        self._spoken = {row.mixture_id: _spoken(row) for row in every}
        if (enrollment == "map") != (enrollment_map is not None):
            raise ConfigError(
                f"enrollment = {enrollment!r} and enrollment_map = {enrollment_map!r} do not go "
                "together; set `enrollment: map` and the map's file, or neither"
            )
        self._map: EnrollmentMap | None = None
        self._others: OtherUtterances | None = None
        if enrollment_map is not None:
            tables = context.corpus_of(LibriMixMetadata, "librimix_metadata", lists)
            where = f"enrollment map {str(tables.root / enrollment_map)!r}"
            self._map = EnrollmentMap(tables.lines(enrollment_map), where=where, rows=self._rows)
        elif enrollment == "drawn":
            self._others = OtherUtterances(self._spoken)
            if self._speech is None and not self._others.any:
                raise DatasetError(
                    f"corpus {files!r}: no speaker of {folder} is in two mixtures with different utterances, so that "
                    "nothing is there to enroll with; add LibriSpeech as `speech`, or set `enrollment: none`"
                )
        self._queried = every[:limit]
        self.count = len(self._queried)
        if absent_speakers and enrollment == "none":
            raise ConfigError(
                f"absent_speakers = {absent_speakers} needs enrollments, and enrollment = 'none' has none; set "
                "`enrollment: drawn` or `map`, or leave absent_speakers out"
            )
        places = places_of(self._queried, self._target_ids) if enrollment != "none" else {}
        self._absent = AbsentSpeakers(places, self._enroll_absent, context=context, count=absent_speakers)
        self.notes = (*self._written.notes, *self._notes(mode, enrollment))

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`, from the first again after the last."""
        turn, place = divmod(index, self.count)
        row = self._queried[place]
        mixture = self._written.mixture(row.mixture_id, self._spoken[row.mixture_id], self._tags(row))
        mixture = self._with_words(row, mixture)
        targets = self._target_ids(row)
        rendered = render(mixture, self._context.corpora) if self._measure_snr else None
        snr = {name: input_snr(mixture, rendered, (name,)) for name in targets} if rendered else {}
        made = [self._trial(row, mixture, name, turn, snr.get(name, {})) for name in targets]
        trials = [trial for trial in made if trial is not None]
        valid = tuple(t for t in trials if not self._leak_free or t.tags.get("enrollment", "other") == "other")
        excluded = {"no_other_utterance": len(made) - len(trials), "enrollment_is_target": len(trials) - len(valid)}
        every = self._absent.join(mixture, valid, turn=turn, tags={"enrollment": "other"})
        return Drawn(mixture=mixture, trials=every, excluded=excluded, rendered=rendered)

    def _target_ids(self, row: LibriMixRow) -> tuple[str, ...]:
        first = self._targets == "first" or self._mix == "single"
        return tuple(f"s{n}" for n in range(1, 2 if first else len(row.speech) + 1))

    def _trial(
        self, row: LibriMixRow, mixture: Mixture, target_id: str, turn: int, snr: Mapping[str, Tag]
    ) -> Trial | None:
        speaker = self._spoken[row.mixture_id][target_id].speaker
        tags: dict[str, Tag] = {"target": speaker, "enrollment": "other", **mixture.tags, **snr}
        if self._map is not None:
            tags["enrollment"] = self._map.kind(row, target_id)
        elif self._others is None:
            tags |= {"target": target_id, "clue": NO_CLUE}
            del tags["enrollment"]
            return target_trial(mixture, target_id, clue=ClueSpec(), tags=tags)
        clip = self._enrollment(row, target_id, turn)
        return None if clip is None else target_trial(mixture, target_id, clue=ClueSpec(enrollments=(clip,)), tags=tags)

    def _enroll_absent(self, _mixture: Mixture, place: Place, turn: int) -> tuple[Clip, ...]:
        clip = self._enrollment(self._rows[place[0]], place[1], turn)
        return () if clip is None else (clip,)

    def _enrollment(self, row: LibriMixRow, target_id: str, turn: int) -> Clip | None:
        if self._map is not None:
            named = self._map.clip(row, target_id)
            return self._written.clip(named.mixture_id, named.source_id)
        key = (*self._context.key(row.mixture_id), "enrollment", target_id, *((turn,) if turn else ()))
        if self._speech is not None:
            used = frozenset(part.path for part in row.speech)
            path = self._speech.draw_other(row.speech[int(target_id[1:]) - 1].path, used=used, key=key)
            return self._speech.clip(path)
        found = self._others.draw(row.mixture_id, target_id, key=key) if self._others else []
        return self._written.clip(*found[0]) if found else None

    def _with_words(self, row: LibriMixRow, mixture: Mixture) -> Mixture:
        """The mixture with the transcripts of utterances that it holds whole, if there is LibriSpeech."""
        if self._speech is None:
            return mixture
        spoken = dict(self._spoken[row.mixture_id])
        for number, part in enumerate(row.speech, 1):
            length = -(-self._speech.frames(part.path) * self.sample_rate_hz // SOURCE_RATE_HZ)
            if length <= mixture.num_samples:
                said = spoken[f"s{number}"]
                words = self._speech.corpus.transcript(part.path)
                spoken[f"s{number}"] = Spoken(speaker=said.speaker, utterance=said.utterance, transcript=words)
        return self._written.mixture(row.mixture_id, spoken, mixture.tags)

    def _tags(self, row: LibriMixRow) -> dict[str, Tag]:
        mixed = row.speech[:1] if self._mix == "single" else row.speech
        tags: dict[str, Tag] = {"n_speakers": len(mixed), "noise": "none" if self._mix == "clean" else "wham"}
        if self._speech is not None:
            speech = self._speech
            tags["gender_pair"] = "".join(sorted(speech.sex(part.path) for part in mixed))
        return tags

    def _notes(self, mode: Mode, enrollment: str) -> tuple[str, ...]:
        notes = [CUT_NOTE] if mode == "min" else []
        notes += [_UNKNOWN_WORDS] if self._speech is None else []
        notes += [NOTE] if enrollment == "none" else []
        if self._map is not None:
            targets = ((row, name) for row in self._queried for name in self._target_ids(row))
            notes.append(self._map.leak_note(targets, left_out=self._leak_free))
        return tuple(notes)


def _signals(n_speakers: int, mix: Mix) -> dict[str, Role]:
    heard = 1 if mix == "single" else n_speakers
    signals: dict[str, Role] = {f"s{n}": "foreground" for n in range(1, heard + 1)}
    return signals if mix == "clean" else {**signals, "noise": "background"}


def _row(name: str, n_speakers: int, subset: str, *, where: str, nameless: bool) -> LibriMixRow:
    """The utterances that a mixture's name gives; with `nameless`, a name may also give none."""
    utterances = name.split("_")
    named = len(utterances) == n_speakers and all(map(_UTTERANCE.fullmatch, utterances))
    if not named and not nameless:
        raise DatasetError(
            f"corpus {where!r}: mixture {name!r} does not name its {n_speakers} utterances, as "
            "61-70968-0000_121-121726-0001 does, so that nothing says who speaks in it and what to enroll with; set "
            "`enrollment: none` (for systems without a clue), or correct `n_speakers`"
        )
    paths = [_path(subset, text) for text in utterances] if named else [f"s{n}" for n in range(1, n_speakers + 1)]
    speech = tuple(ScaledFile(path=path, gain=1.0) for path in paths)
    return LibriMixRow(mixture_id=name, speech=speech, noise=None)


def _path(subset: str, utterance: str) -> str:
    speaker, chapter, _ = utterance.split("-")
    return f"{subset}/{speaker}/{chapter}/{utterance}.flac"


def _spoken(row: LibriMixRow) -> dict[str, Spoken]:
    paths = [part.path for part in row.speech]
    names = [path.rpartition("/")[2].removesuffix(".flac") for path in paths]
    return {f"s{n}": Spoken(speaker=name.partition("-")[0], utterance=name) for n, name in enumerate(names, 1)}
