"""The released mixtures of FUSS (Wisdom et al., ICASSP 2021)."""

from __future__ import annotations

from pathlib import PurePosixPath

from ...core.errors import AudioError, CorpusError
from ..corpora.fsd50k import Fsd50k
from ..corpora.fuss import Example, Fuss
from ..jams.soundscapes import safe_id
from ..missing import MissingRecordingsError
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn
from ..queries import ConditionList, Targets
from ..types import Clip, Mixture, Source
from .shared.audibility import Audibility
from .shared.class_trials import CaptionChoice, ClassTrials, Clues, PoolEnrollments
from .shared.fuss_classes import FussClasses
from .shared.options import ClassEnrollments, EnrollmentSeconds
from .shared.sound_scenes import SoundMixture
from .shared.target_trials import NOTE, trials_without_clue

_RATE_HZ = 16_000
_SAMPLES = 160_000
_MOST_SOURCES = 4


@BUILDERS.register("fuss_released")
class FussReleased:
    """FUSS from its example lists; a mixture is the sum of its sources as they were written.

    FUSS has no classes, so a trial names a source and carries no clue. With `classes`, a corpus of kind fsd50k, the
    JAMS file of each mixture names the clips of its sources, and trials are queries by class or enrollment, of
    background sources too. Mixtures with a source that FSD50K does not list are left out then, since what is absent
    from them is not known; `counts` says how many.

    Args:
        corpus: name of a corpus of kind fuss in `corpora`.
        reverb: the reverberant mixtures, or else the dry ones.
        count: number of mixtures, the first of the example list; null: all.
        classes: name of a corpus of kind fsd50k in `corpora`, whose ground truth gives the classes; its audio need not
            be there. null: trials name a source and carry no clue.
        clues: what a query gives of its classes, with `classes`: labels ("classes"), recordings ("enrollment", sources
            of FUSS of the same split), a caption ("text"), or several of these.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        corpus: str = "fuss",
        reverb: bool = True,
        count: Count | None = None,
        classes: str | None = None,
        conditions: ConditionList = ("1:0",),
        targets: Targets = "one",
        clues: Clues = ("classes",),
        captions: CaptionChoice = None,
        enrollments: ClassEnrollments = 1,
        enrollment_s: EnrollmentSeconds = 5.0,
    ) -> None:
        opened = context.corpus_of(Fuss, "fuss", corpus)
        self._corpus = corpus
        self._examples = opened.examples(context.split, reverb=reverb)[:count]
        if not self._examples:
            raise CorpusError(f"corpus {corpus!r} lists no mixture in split {context.split!r}")
        self.count, self.sample_rate_hz = len(self._examples), _RATE_HZ
        self._audibility = Audibility(context.corpora, sample_rate_hz=_RATE_HZ, fade_s=0.0)
        self._classes: FussClasses | None = None
        self.vocabulary: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = (NOTE,)
        if classes is None:
            return
        truth = context.corpus_of(Fsd50k, "fsd50k", classes)
        self._classes = FussClasses(opened, truth, context.split)
        self.vocabulary, self.notes = self._classes.vocabulary, (self._classes.note,)
        self._trials = ClassTrials(
            context=context,
            vocabulary=self.vocabulary,
            conditions=conditions,
            most_active=_MOST_SOURCES,
            targets=targets,
            clues=clues,
            captions=captions,
            enroll=PoolEnrollments(
                context, self._classes.pool, count=enrollments, max_s=enrollment_s, audibility=self._audibility
            ),
        )

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of example `index`; beyond the last one they begin again."""
        again, place = divmod(index, self.count)
        example = self._examples[place]
        mixture = Mixture(
            id=safe_id(PurePosixPath(example.mixture).stem) + (f"+{again}" if again else ""),
            sample_rate_hz=_RATE_HZ,
            num_samples=_SAMPLES,
            sources=self._sources(example),
            tags={"n_sources": 1 + len(example.foregrounds)},
        )
        audible = self._audible(mixture)
        if self._classes is None:
            return trials_without_clue(SoundMixture(mixture=mixture, audible=audible))
        origins = self._classes.origins(example)
        if origins is None:
            return Drawn(mixture=mixture, trials=(), excluded={"mixture_without_classes": 1})
        named = self._classes.named(mixture, origins)
        origin = self._classes.taken_from(named, origins)
        mixed = SoundMixture(mixture=named, audible=audible, origin=origin)
        return self._trials.draw(mixed, present=self._classes.labels(origins))

    def _audible(self, mixture: Mixture) -> frozenset[str]:
        audible, missing = set(), {}
        for source in mixture.sources:
            try:
                if self._audibility.audible(source.clip):
                    audible.add(source.id)
            except AudioError as error:
                missing[source.clip.corpus, source.clip.path] = str(error)
        if missing:
            raise MissingRecordingsError(missing)
        return frozenset(audible)

    def _sources(self, example: Example) -> tuple[Source, ...]:
        paths = {"background": example.background}
        paths |= {f"s{place}": path for place, path in enumerate(example.foregrounds, 1)}
        return tuple(
            Source(
                id=name,
                label=name,
                role="background" if name == "background" else "foreground",
                clip=Clip(corpus=self._corpus, path=path, start=0, frames=_SAMPLES),
                gain=1.0,
            )
            for name, path in paths.items()
        )
