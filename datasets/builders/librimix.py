"""Libri2Mix, Libri3Mix and so on, from their official metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from ...core.errors import ConfigError, CorpusError
from ..corpora.librimix_metadata import LibriMixMetadata
from ..corpora.librispeech import LibriSpeech
from ..corpora.wham import Wham
from ..protocols.builder import BUILDERS, BuildContext, Drawn
from ..render import input_snr, render
from ..renderers.librimix import MIX, MODE
from ..types import ClueSpec, EnrollmentClip, Mixture, Tag, Trial
from .shared.absent_speakers import AbsentSpeakers
from .shared.librimix.recipes import Mix, Mode, Recipes, Utterances
from .shared.librimix.tables import EnrollmentMap, LibriMixRow, Place, mixture_rows, places_of, source_file
from .shared.options import AbsentSpeakerCount, Limit, MeasureSnr, SpeakerTargets
from .shared.target_trials import CUT_NOTE, target_trial

Tags = Mapping[str, Tag]
C = TypeVar("C", LibriMixMetadata, LibriSpeech, Wham)


@BUILDERS.register("librimix")
class LibriMix:
    """LibriMix as its official script makes it, with an enrollment for each target.

    Mixtures have the official ids, and their sources are called s1, s2, ... and noise. Rendered, they are sample for
    sample the files that the script writes.

    Args:
        metadata: table of the mixtures (CSV), below the corpus `lists`.
        sample_rate_hz: sample rate of the mixtures.
        mode: "min" cuts all to the shortest utterance, "max" pads all to the longest.
        mix: "clean" is the speech of all, "both" speech and noise, "single" s1 and noise. Levels are those of the
            official metadata, which no key changes.
        enrollment: "drawn": another utterance of the target's speaker, of 3 s and more, by the set's seed; "map": of
            `enrollment_map`.
        enrollment_map: file below the corpus `lists`, of lines `mixture utterance s1/mixture`: the enrollment is the
            file of a source of another mixture, scaled and cut as it is there.
        leak_free: leave out trials that enroll with the target's own utterance.
        speech: name of LibriSpeech in `corpora`.
        noise: name of the WHAM noise in `corpora`, for `mix` both and single.
        lists: name of the corpus of LibriMix's metadata in `corpora`.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        metadata: str,
        sample_rate_hz: Literal[8000, 16000] = 8000,
        mode: Mode = MODE,
        mix: Mix = MIX,
        targets: SpeakerTargets = "all",
        absent_speakers: AbsentSpeakerCount = 0,
        enrollment: Literal["drawn", "map"] = "drawn",
        enrollment_map: str | None = None,
        leak_free: bool = False,
        limit: Limit | None = None,
        measure_snr: MeasureSnr = False,
        speech: str = "librispeech",
        noise: str = "wham",
        lists: str = "librimix",
    ) -> None:
        self.sample_rate_hz: int = sample_rate_hz
        self._context = context
        self._mode, self._mix, self._targets = mode, mix, targets
        self._leak_free, self._measure_snr = leak_free, measure_snr
        tables = _open(context, lists, LibriMixMetadata, "librimix_metadata")
        self._speech = Utterances(_open(context, speech, LibriSpeech, "librispeech"), tables)
        self._recipes = Recipes(
            speech=self._speech,
            noise=None if mix == "clean" else _open(context, noise, Wham, "wham"),
            sample_rate_hz=sample_rate_hz,
            mode=mode,
            mix=mix,
        )
        every = mixture_rows(tables.table(metadata))
        self._by_id = {row.mixture_id: row for row in every}
        self._map: EnrollmentMap | None = None
        if (enrollment == "map") != (enrollment_map is not None):
            raise ConfigError(
                f"enrollment = {enrollment!r} and enrollment_map = {enrollment_map!r} do not go "
                "together; set `enrollment: map` and the map's file, or neither"
            )
        if enrollment_map is not None:
            self._map = EnrollmentMap(
                tables.lines(enrollment_map),
                where=f"enrollment map {str(tables.root / enrollment_map)!r}",
                rows=self._by_id,
            )
        self._queried = every[:limit]
        self._rows = (*self._queried, *self._enrolled_only())
        self.count = len(self._rows)
        places = places_of(self._queried, self._target_ids)
        self._absent = AbsentSpeakers(places, self._enroll_absent, context=context, count=absent_speakers)
        self.notes = self._notes()

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of row `index`, from the first again after the last."""
        turn, place = divmod(index, len(self._rows))
        row = self._rows[place]
        mixture = self._recipes.mixture(row)
        snr: dict[str, Tags] = {}
        targets = self._target_ids(row) if place < len(self._queried) else ()
        rendered = render(mixture, self._context.corpora) if self._measure_snr and targets else None
        if rendered is not None:
            snr = {name: input_snr(mixture, rendered, (name,)) for name in targets}
        trials = [self._trial(row, mixture, name, turn, snr.get(name, {})) for name in targets]
        valid = tuple(t for t in trials if not self._leak_free or t.tags["enrollment"] == "other")
        leaks = {"enrollment_is_target": len(trials) - len(valid)}
        every = self._absent.join(mixture, valid, turn=turn, tags={"enrollment": "other"}) if targets else ()
        return Drawn(mixture=mixture, trials=every, excluded=leaks, rendered=rendered)

    def _target_ids(self, row: LibriMixRow) -> tuple[str, ...]:
        first = self._targets == "first" or self._mix == "single"
        return tuple(f"s{n}" for n in range(1, 2 if first else len(row.speech) + 1))

    def _trial(self, row: LibriMixRow, mixture: Mixture, target_id: str, turn: int, snr: Tags) -> Trial:
        target = next(source for source in mixture.sources if source.id == target_id)
        clip = self._enrollment(row, target_id, turn)
        kind = self._map.kind(row, target_id) if self._map else "other"
        tags = {"target": target.label, "enrollment": kind, **mixture.tags, **snr}
        return target_trial(mixture, target_id, clue=ClueSpec(enrollments=(clip,)), tags=tags)

    def _enroll_absent(self, _mixture: Mixture, place: Place, turn: int) -> tuple[EnrollmentClip, ...]:
        return (self._enrollment(self._by_id[place[0]], place[1], turn),)

    def _enrollment(self, row: LibriMixRow, target_id: str, turn: int) -> EnrollmentClip:
        if self._map is not None:
            return self._map.clip(row, target_id)
        # A training stream goes through the table again, and draws anew.
        again = (turn,) if turn else ()
        key = (*self._context.key(row.mixture_id), "enrollment", target_id, *again)
        used = frozenset(part.path for part in row.speech)
        return self._speech.clip(self._speech.draw_other(source_file(row, target_id).path, used=used, key=key))

    def _enrolled_only(self) -> tuple[LibriMixRow, ...]:
        """Rows beyond the limit whose sources enroll in trials within it."""
        if self._map is None:
            return ()
        queried = {row.mixture_id for row in self._queried}
        enrolled = {self._map.clip(row, name).mixture_id for row in self._queried for name in self._target_ids(row)}
        return tuple(self._by_id[name] for name in sorted(enrolled - queried))

    def _notes(self) -> tuple[str, ...]:
        notes = [CUT_NOTE] if self._mode == "min" else []
        if self._map is not None:
            targets = ((row, name) for row in self._queried for name in self._target_ids(row))
            notes.append(self._map.leak_note(targets, left_out=self._leak_free))
        return tuple(notes)


def _open(context: BuildContext, name: str, kind: type[C], title: str) -> C:
    corpus = context.corpus_of(kind, title, name)
    if not corpus.root.is_dir():
        raise CorpusError(f"corpus {name!r}: folder {str(corpus.root)!r} does not exist; correct --corpus {name}=DIR")
    return corpus
