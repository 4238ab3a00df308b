"""WSJ0-2mix as MERL made it, WSJ0-2mix-extr, the protocol of SpEx+, and reverberant variants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from ...core.errors import ConfigError, DatasetError
from ..corpora.wsj0 import Wsj0
from ..corpora.wsj0_mix_lists import Wsj0MixLists
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn, Selection
from ..protocols.corpus import Recording
from ..renderers.wsj0_mix import MODES, Mode, Wsj0Protocol, part_name
from ..seeding import generator
from ..signals.audio import resampled_length
from ..types import EnrollmentClip, Mixture, Source, Tag
from .shared.absent_speakers import AbsentSpeakers
from .shared.options import AbsentSpeakerCount, Limit, Seconds
from .shared.target_trials import CUT_NOTE
from .shared.wsj0.enrollments import (
    Enroll,
    Place,
    enroll_at,
    enroll_by_draw,
    enroll_by_list,
    enroll_with_auxiliary,
    make_trial,
    places_of,
)
from .shared.wsj0.levels import gain_to, listed_levels, measured_levels, open_utterances
from .shared.wsj0.mixture_lists import AMBIGUOUS, ListedMixture, ambiguous_note, read_mixtures, utterance_id
from .shared.wsj0.rooms import Rooms, RoomTarget

Targets = Literal["all", "first"]

_TARGETS: Mapping[Wsj0Protocol, Targets] = {"wsj0_2mix": "all", "extr": "first", "spex": "all"}
_MEASURED = (
    "active levels are measured here, not the published ones; mixtures differ from the official ones in the last bits"
)


@BUILDERS.register("wsj0_mix")
class Wsj0Mix:
    """Mixtures of WSJ0 from their official lists, with an enrollment for each target.

    Mixtures have the names of the official files, and their sources are called s1, s2, ... Rendered, they are what the
    scripts of MERL write, but for the last bits that the resampler decides (see `datasets/renderers/wsj0_mix.py`).

    The protocols: `wsj0_2mix` queries both speakers, with enrollments drawn by the set's seed. `extr` is
    WSJ0-2mix-extr: it queries s1 with the auxiliary utterance of the list, which is scaled with the mixture and has
    part in its peak. `spex` is what SpEx+ is measured by: the mixtures of WSJ0-2mix (min, 8 kHz), both speakers, and
    auxiliary utterances as they are. Names of trials are those of the official files, for `wsj0_2mix` with `_s1` or
    `_s2` at the end.

    Args:
        context: identity of the set and open corpora; its split is tr, cv or tt.
        protocol: "wsj0_2mix", "extr" or "spex", see above.
        sample_rate_hz: sample rate of the mixtures; levels are those at 8 kHz in both cases.
        mode: "min" cuts all to the shortest utterance, "max" pads all to the longest; null: max for extr, else min.
        n_speakers: speakers of each mixture, 2 to 5.
        mixture_list: list of the mixtures, below the corpus `lists`. It gives the level of each speaker in dB, of the
            speech while it is active. null: `mix_2_spk_tt.txt`, or `mix_2_spk_tt_extr.txt` for extr, with the numbers
            and letters that fit.
        levels: active levels (ITU-T P.56, at 8 kHz) that the list's levels are relative to: "files" are the published
            ones, "computed" are measured here.
        targets: speakers that are queried: "all" in turn, or s1 alone ("first"); null: first for extr, else all.
        enrollment_list: list of auxiliary utterances, below the corpus `lists`: one with the utterance in a fifth
            column, or the `aux.scp` of SpEx+. null: they are drawn.
        enrollments: enrollment utterances of each trial, where they are drawn.
        enrollment_s: longest enrollment that is drawn, of which the beginning is used; null: whole utterances.
        impulse_responses: impulse responses of rooms that the speakers, not the enrollments, are put into; labels are
            rooms. Each is scaled to an energy of 1, so that levels hardly change. null: dry.
        room_target: "reverberant": the target is the speech in the room; "early": its part up to 50 ms after the direct
            sound.
        speech: name of WSJ0 in `corpora`.
        lists: name of the corpus of lists in `corpora`.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        protocol: Wsj0Protocol = "wsj0_2mix",
        sample_rate_hz: Literal[8000, 16000] = 8000,
        mode: Mode | None = None,
        n_speakers: Count = 2,
        mixture_list: str | None = None,
        levels: Literal["files", "computed"] = "files",
        targets: Targets | None = None,
        absent_speakers: AbsentSpeakerCount = 0,
        enrollment_list: str | None = None,
        enrollments: Count = 1,
        enrollment_s: Seconds | None = None,
        impulse_responses: Selection | None = None,
        room_target: RoomTarget = "reverberant",
        limit: Limit | None = None,
        speech: str = "wsj0",
        lists: str = "wsj0_mix",
    ) -> None:
        self.sample_rate_hz: int = sample_rate_hz
        self._context, self._protocol = context, protocol
        self._mode = mode or MODES[protocol]
        self._targets = targets or _TARGETS[protocol]
        self._check_protocol(enrollment_list, n_speakers)
        if room_target == "early" and impulse_responses is None:
            raise ConfigError("room_target = 'early' needs `impulse_responses`; set them")
        tables = context.corpus_of(Wsj0MixLists, "wsj0_mix_lists", lists)
        part = part_name(context.split)
        suffix = "_extr" if protocol == "extr" else ""
        name = mixture_list or f"mix_{n_speakers}_spk_{part}{suffix}.txt"
        every = read_mixtures(tables.file(name))
        self._rows = every[:limit]
        self._check_rows(name, n_speakers)
        self._speech = open_utterances(speech, context)
        corpus = context.corpora[speech]
        self._sexes = corpus.sexes() if isinstance(corpus, Wsj0) else {}
        self._level = (
            listed_levels(tables, [path for row in self._rows for path in self._paths(row)])
            if levels == "files"
            else measured_levels(context.corpora)
        )
        self._enroll: Enroll = enroll_by_draw(self._speech, context, count=enrollments, max_s=enrollment_s)
        if protocol == "extr":
            self._enroll = enroll_with_auxiliary
        elif enrollment_list is not None:
            self._enroll = enroll_by_list(tables.file(enrollment_list), every, self._speech)
        self._rooms: Rooms | None = None
        if impulse_responses is not None:
            self._rooms = Rooms(
                impulse_responses, target=room_target, places=n_speakers, sample_rate_hz=sample_rate_hz, context=context
            )
        self.count = len(self._rows)
        places = places_of(self._rows, first=self._targets == "first")
        self._absent = AbsentSpeakers(places, self._enroll_absent, context=context, count=absent_speakers)
        ambiguous = ambiguous_note(self._rows, first=self._targets == "first")
        cut, measured = self._mode == "min", levels == "computed"
        self.notes = (*([CUT_NOTE] if cut else []), *([_MEASURED] if measured else []), *ambiguous)

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of row `index`, from the first again after the last."""
        turn, place = divmod(index, self.count)
        row = self._rows[place]
        mixture = self._mixture(row)
        speakers = [source for source in mixture.sources if source.role == "foreground"]
        targets = speakers[:1] if self._targets == "first" else speakers
        clear = [target for target in targets if target.label not in row.repeated_speakers]
        enrolled = [(target, self._enroll(mixture, target, turn)) for target in clear]
        trials = tuple(make_trial(row, mixture, target, found) for target, found in enrolled if found)
        excluded = {AMBIGUOUS: len(targets) - len(clear), "no_listed_enrollment": len(clear) - len(trials)}
        every = self._absent.join(mixture, trials, turn=turn, tags={"enrollment": "other"})
        return Drawn(mixture=mixture, trials=every, excluded=excluded)

    def _enroll_absent(self, _mixture: Mixture, place: Place, turn: int) -> tuple[EnrollmentClip, ...]:
        return enroll_at(place, turn, mixture_of=lambda number: self._mixture(self._rows[number]), enroll=self._enroll)

    def _check_protocol(self, enrollment_list: str | None, n_speakers: int) -> None:
        if self._protocol == "extr" and (self._targets != "first" or enrollment_list is not None):
            raise ConfigError(
                "protocol 'extr' queries s1 with the auxiliary utterance of its own list; leave "
                "out `targets` and `enrollment_list`, or choose another protocol"
            )
        plain = (self._mode, self.sample_rate_hz, self._targets, n_speakers)
        if self._protocol == "spex" and plain != ("min", 8000, "all", 2):
            raise ConfigError(
                "protocol 'spex' has mode = 'min', sample_rate_hz = 8000, targets = 'all' and "
                f"n_speakers = 2, not {plain}; use protocol 'wsj0_2mix' for other sets"
            )

    def _check_rows(self, name: str, n_speakers: int) -> None:
        listed = len(self._rows[0].paths)
        if listed != n_speakers:
            raise ConfigError(
                f"list {name!r} has {listed} speakers in a mixture, and n_speakers = {n_speakers}; correct one of them"
            )
        lacking = sum(row.auxiliary is None for row in self._rows)
        if self._protocol == "extr" and lacking:
            raise DatasetError(
                f"{lacking} of {len(self._rows)} rows of list {name!r} have no auxiliary "
                "utterance; name a list of WSJ0-2mix-extr"
            )

    def _paths(self, row: ListedMixture) -> tuple[str, ...]:
        """The utterances that a mixture is rendered from, as the list has them."""
        if self._protocol == "extr" and row.auxiliary is not None:
            return (*row.paths, row.auxiliary)
        return row.paths

    def _mixture(self, row: ListedMixture) -> Mixture:
        recordings = self._speech.recordings(self._paths(row))
        spoken, auxiliary = recordings[: len(row.paths)], recordings[len(row.paths) :]
        lengths = [self._length(recording) for recording in spoken]
        num_samples = min(lengths) if self._mode == "min" else max(lengths)
        mixture_id = "_".join([row.name, *(utterance_id(aux.path) for aux in auxiliary)])
        sources = [
            self._source(f"s{number}", recording, float(snr), whole=length <= num_samples)
            for number, (recording, snr, length) in enumerate(zip(spoken, row.snrs, lengths, strict=True), 1)
        ]
        sources = list(self._in_room(sources, mixture_id))
        sources += [self._source("aux", recording, 0.0, whole=True) for recording in auxiliary]
        return Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=num_samples,
            sources=tuple(sources),
            quantise="int16",
            renderer="wsj0_mix",
            tags=self._tags(spoken, lengths),
        )

    def _length(self, recording: Recording) -> int:
        return resampled_length(recording.frames, from_hz=recording.sample_rate_hz, to_hz=self.sample_rate_hz)

    def _source(self, source_id: str, recording: Recording, snr_db: float, *, whole: bool) -> Source:
        clip = self._speech.clip(recording)
        return Source(
            id=source_id,
            label=recording.label,
            role="auxiliary" if source_id == "aux" else "foreground",
            clip=clip,
            gain=gain_to(snr_db, self._level(clip)),
            transcript=recording.transcript if whole else None,
        )

    def _in_room(self, sources: Sequence[Source], mixture_id: str) -> Iterator[Source]:
        if self._rooms is None:
            yield from sources
            return
        responses = self._rooms.draw(generator(*self._context.key(mixture_id), "room"))
        for source, response in zip(sources, responses, strict=True):
            yield from self._rooms.put(source, response)

    def _tags(self, spoken: Sequence[Recording], lengths: Sequence[int]) -> dict[str, Tag]:
        tags: dict[str, Tag] = {"n_speakers": len(spoken)}
        sexes = [self._sexes.get(recording.label) for recording in spoken]
        if None not in sexes:
            tags["gender_pair"] = "".join(sorted(sex for sex in sexes if sex))
        if self._mode == "max":
            tags["overlap"] = round(min(lengths) / max(lengths), 1)
        if self._rooms is not None:
            tags["room"] = True
        return tags
