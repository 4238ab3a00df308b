"""WSJ0-2mix and its kin from the files that their scripts wrote, without WSJ0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from ...core.errors import DatasetError
from ..corpora.wsj0 import Wsj0
from ..corpora.wsj0_mix_files import Wsj0MixFiles
from ..corpora.wsj0_mix_lists import Wsj0MixLists
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn
from ..renderers.wsj0_mix import MODES, Mode, part_name
from ..types import EnrollmentClip, Mixture, Role, Source, Tag
from .shared.absent_speakers import AbsentSpeakers
from .shared.options import AbsentSpeakerCount, AllChannels, Limit, SpeakerTargets
from .shared.target_trials import CUT_NOTE
from .shared.written_mixtures import OtherUtterances, Spoken, WrittenMixtures
from .shared.wsj0.enrollments import (
    Enroll,
    Enrolled,
    Place,
    enroll_at,
    enroll_by_draw,
    enroll_with_auxiliary,
    make_trial,
    places_of,
)
from .shared.wsj0.levels import Wsj0Utterances, open_utterances
from .shared.wsj0.mixture_lists import (
    AMBIGUOUS,
    ListedMixture,
    NameIndex,
    ambiguous_note,
    parse_name,
    read_mixtures,
    speaker_of,
    utterance_id,
)

Protocol = Literal["wsj0_2mix", "extr"]


@BUILDERS.register("wsj0_mix_files")
class Wsj0MixOfFiles:
    """Trials on the mixtures of one part (split tr, cv or tt), with the ids of the builder `wsj0_mix`.

    `wsj0_2mix` queries all speakers; `extr` queries s1 of WSJ0-2mix-extr with the file in `aux`. Utterances and levels
    are read from the names of the files.

    Args:
        context: identity of the set and open corpora; its split is tr, cv or tt.
        protocol: "wsj0_2mix" or "extr", see above.
        n_speakers: speakers of each mixture.
        sample_rate_hz: sample rate of the files.
        mode: "min" or "max", the folder of the files; null: max for extr, else min.
        mixture_list: list of the mixtures below the corpus `lists`, whose order and names count; null: sorted names of
            the files.
        files: name of the corpus of files in `corpora`.
        speech: name of WSJ0 in `corpora`, whose utterances are enrollments as `wsj0_mix` draws them; null: files of
            other mixtures.
        lists: name of the corpus of lists in `corpora`.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        protocol: Protocol = "wsj0_2mix",
        n_speakers: Count = 2,
        sample_rate_hz: Literal[8000, 16000] = 8000,
        mode: Mode | None = None,
        targets: SpeakerTargets = "all",
        absent_speakers: AbsentSpeakerCount = 0,
        mixture_list: str | None = None,
        limit: Limit | None = None,
        all_channels: AllChannels = False,
        files: str = "wsj0_mix_files",
        speech: str | None = None,
        lists: str = "wsj0_mix",
    ) -> None:
        self.sample_rate_hz: int = sample_rate_hz
        self._context = context
        extr = protocol == "extr"
        self._first = extr or targets == "first"
        mode = mode or MODES[protocol]
        part = part_name(context.split)
        tree = context.corpus_of(Wsj0MixFiles, "wsj0_mix_files", files)
        folder = tree.folder(part, sample_rate_hz=sample_rate_hz, mode=mode)
        sources: dict[str, Role] = {f"s{n}": "foreground" for n in range(1, n_speakers + 1)}
        if extr:
            sources = {"s1": "foreground", "aux": "auxiliary"}
            if tree.files(folder, "s2"):
                sources = {"s1": "foreground", "s2": "foreground", "aux": "auxiliary"}
        self._written = WrittenMixtures(
            tree, folder=folder, mixed="mix", signals=sources, sample_rate_hz=sample_rate_hz, all_channels=all_channels
        )
        listed = context.corpus_of(Wsj0MixLists, "wsj0_mix_lists", lists) if mixture_list is not None else None
        in_order = read_mixtures(listed.file(mixture_list)) if listed is not None and mixture_list is not None else ()
        names = {name: _row(name, n_speakers, auxiliary=extr, where=tree.name) for name in self._written.names}
        self._rows = _ordered(names, in_order)[:limit] if in_order else [*names.items()][:limit]
        self._spoken = {name: _spoken(row) for name, row in {**dict(self._rows), **names}.items()}
        left = sorted({*names} - {name for name, _ in self._rows}) if in_order and limit is None else []
        self._speech = open_utterances(speech, context) if speech is not None else None
        corpus = context.corpora[speech] if speech is not None else None
        self._sexes: Mapping[str, str] = corpus.sexes() if isinstance(corpus, Wsj0) else {}
        self._enroll: Enroll = enroll_with_auxiliary
        if not extr:
            self._enroll = self._by_other_files(folder) if self._speech is None else self._by_speech(self._speech)
        self.count = len(self._rows)
        places = places_of((row for _, row in self._rows), first=self._first)
        self._absent = AbsentSpeakers(places, self._enroll_absent, context=context, count=absent_speakers)
        ambiguous = ambiguous_note([row for _, row in self._rows], first=self._first)
        unlisted = [f"{len(left)} mixtures, the first is {left[0]!r}, are not in the list; left out"] if left else []
        self.notes = (*([CUT_NOTE] if mode == "min" else []), *unlisted, *ambiguous)

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`, from the first again after the last."""
        turn, place = divmod(index, self.count)
        _, row = self._rows[place]
        mixture = self._mixture(place)
        speakers = [source for source in mixture.sources if source.role == "foreground"]
        targets = speakers[:1] if self._first else speakers
        clear = [target for target in targets if target.label not in row.repeated_speakers]
        enrolled = [(target, self._enroll(mixture, target, turn)) for target in clear]
        trials = tuple(make_trial(row, mixture, target, found) for target, found in enrolled if found)
        excluded = {AMBIGUOUS: len(targets) - len(clear), "no_other_utterance": len(clear) - len(trials)}
        every = self._absent.join(mixture, trials, turn=turn, tags={"enrollment": "other"})
        return Drawn(mixture=mixture, trials=every, excluded=excluded)

    def _mixture(self, place: int) -> Mixture:
        name, row = self._rows[place]
        return self._written.mixture(name, self._spoken[name], self._tags(row))

    def _enroll_absent(self, _mixture: Mixture, place: Place, turn: int) -> tuple[EnrollmentClip, ...]:
        return enroll_at(place, turn, mixture_of=self._mixture, enroll=self._enroll)

    def _by_other_files(self, folder: str) -> Enroll:
        """By a file of another mixture in which the speaker says something else."""
        others = OtherUtterances(self._spoken)
        if not others.any:
            raise DatasetError(
                f"corpus {self._written.tree.name!r}: no speaker of {folder} is in two mixtures with different "
                "utterances, so that nothing is there to enroll with; add WSJ0 as `speech`"
            )

        def enroll(mixture: Mixture, target: Source, turn: int) -> Enrolled | None:
            key = (*self._context.key(mixture.id), "enrollment", target.id, *((turn,) if turn else ()))
            clips = tuple(self._written.clip(*found) for found in others.draw(mixture.id, target.id, key=key))
            return Enrolled(clips=clips, trial_id=f"{mixture.id}_{target.id}") if clips else None

        return enroll

    def _by_speech(self, speech: Wsj0Utterances) -> Enroll:
        """By utterances of WSJ0, drawn as for the set that is rendered from it."""
        draw = enroll_by_draw(speech, self._context, count=1, max_s=None)

        def enroll(mixture: Mixture, target: Source, turn: int) -> Enrolled | None:
            spoken = self._spoken[mixture.id]
            found = [(s, speech.find(spoken[s.id].utterance)) for s in mixture.sources if s.role == "foreground"]
            sources = [replace(source, clip=speech.clip(recording)) for source, recording in found if recording]
            return draw(replace(mixture, sources=tuple(sources)), target, turn)

        return enroll

    def _tags(self, row: ListedMixture) -> dict[str, Tag]:
        tags: dict[str, Tag] = {"n_speakers": len(row.paths)}
        sexes = [self._sexes.get(speaker) for speaker in row.speakers]
        if None not in sexes:
            tags["gender_pair"] = "".join(sorted(sex for sex in sexes if sex))
        return tags


def _row(name: str, n_speakers: int, *, auxiliary: bool, where: str) -> ListedMixture:
    """Fields of the name of a mixture."""
    parsed = parse_name(name)
    if parsed is None or len(parsed.utterances) != n_speakers or (auxiliary and parsed.auxiliary is None):
        example = "445c0206_0.60431_22gc0105_-0.60431" + ("_445o0301" if auxiliary else "")
        raise DatasetError(
            f"corpus {where!r}: {name!r} does not name {n_speakers} utterances and their levels, as {example} does; "
            "restore the names of the script, or correct `n_speakers` or `protocol`"
        )
    cells = name.split("_")
    return ListedMixture(paths=parsed.utterances, snrs=tuple(cells[1 : 2 * n_speakers : 2]), auxiliary=parsed.auxiliary)


def _spoken(row: ListedMixture) -> dict[str, Spoken]:
    said = zip(row.speakers, row.utterances, strict=True)
    spoken = {f"s{n}": Spoken(speaker=who, utterance=what) for n, (who, what) in enumerate(said, 1)}
    if row.auxiliary is not None:
        spoken["aux"] = Spoken(speaker=speaker_of(row.auxiliary), utterance=row.auxiliary)
    return spoken


def _ordered(names: Mapping[str, ListedMixture], listed: tuple[ListedMixture, ...]) -> list[tuple[str, ListedMixture]]:
    """The files in the order of a list; one that the list does not have is left out."""
    index = NameIndex(names)

    def name_of(row: ListedMixture) -> str:
        whole = "_".join([row.name, *([utterance_id(row.auxiliary)] if row.auxiliary is not None else [])])
        if whole in names or not index.knows(whole):  # one that is not there counts as missing
            return whole
        return index.match(whole)

    found = [(name_of(row), row) for row in listed]
    return [(name, names.get(name, row)) for name, row in found]
