"""Existing sets of Scaper: JAMS files become mixtures with query conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from ...core.errors import AudioError, ConfigError, DatasetError
from ..corpora.disk.csv_table import read_table
from ..corpora.scaper_set import ScaperSet
from ..jams.soundscapes import safe_id
from ..missing import MissingRecordingsError
from ..protocols.builder import BUILDERS, BuildContext, Drawn, Selection, open_pool
from ..protocols.renderer import Rendered
from ..queries import ConditionList, Targets
from ..render import render
from ..renderers.scaper import CLIPPED, ISOLATED_CLIPPED, PLAIN
from ..types import Mixture
from .shared.audibility import Audibility
from .shared.class_trials import CaptionChoice, ClassTrials, Clues, PoolEnrollments
from .shared.jams.mixtures import FilesByName, Isolated, JamsMixtures
from .shared.options import ClassEnrollments, Confusable, EnrollmentSeconds, InactiveLabels
from .shared.sound_scenes import SoundMixture

_AS_CUT = {PLAIN: CLIPPED, "standard": ISOLATED_CLIPPED}  # renderers that may exceed full scale


@BUILDERS.register("jams")
class JamsSet:
    """The soundscapes of a folder, as Scaper renders them, queried by class or enrollment.

    Files that the JAMS name are looked up in the corpora of `events` and `background` by name, and by the folders above
    it if several have the same name. Pitch and time changes cannot be rendered here: such a soundscape is read from its
    isolated events, if they were written, or refused. Conditions that need more classes than a soundscape holds are
    left out there, and counted.

    Scaper cuts its files at full scale, so that a louder soundscape is not the sum of its events there. By default such
    a soundscape is rendered whole; the count `mixtures_above_full_scale` of the card says how many there are, and
    `clip` renders what Scaper's files hold.

    Args:
        soundscapes: name of a corpus of kind scaper_set in `corpora`, the folder of the JAMS files.
        events: recordings that the JAMS files name as events, and that enroll; needed unless all is read from isolated
            events.
        background: recordings that the JAMS files name as backgrounds, if they are of another corpus; null: those of
            `events`.
        folder: only JAMS files below this folder of the set, for example "test".
        listed_targets: targets are the first n_active of gt_events.csv, as in Waveformer's sets, and not drawn.
        vocabulary: the classes; null: all that sound in the set or are labels of `events`.
        clip: cut soundscapes and events at full scale, as Scaper's files are.
        isolated: where the rendered isolated events are read instead of the recordings: "never", "always", or where
            "needed" since pitch or time was changed.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        soundscapes: str,
        events: Selection | None = None,
        background: Selection | None = None,
        folder: str = ".",
        conditions: ConditionList = ("1:0",),
        targets: Targets = "one",
        listed_targets: bool = False,
        clues: Clues = ("classes",),
        captions: CaptionChoice = None,
        enrollments: ClassEnrollments = 1,
        enrollment_s: EnrollmentSeconds = 5.0,
        vocabulary: tuple[str, ...] | None = None,
        inactive_labels: InactiveLabels | None = None,
        confusable: Confusable | None = None,
        clip: bool = False,
        isolated: Isolated = "needed",
    ) -> None:
        self._context, self._listed, self._clip = context, listed_targets, clip
        self._set = context.corpus_of(ScaperSet, "scaper_set", soundscapes)
        self._mixtures = JamsMixtures(
            self._set, folder=folder, finders=_finders(events, background, context), isolated=isolated
        )
        if not self._mixtures.paths:
            raise ConfigError(f"corpus {soundscapes!r} has no JAMS file below folder = {folder!r}; correct it")
        self.count = len(self._mixtures.paths)
        self.sample_rate_hz = self._one_rate()
        pool = open_pool(events, context) if events else None
        labels = {*self._mixtures.labels("foreground"), *(pool.labels if pool else ())}
        self.vocabulary = tuple(sorted(vocabulary or labels))
        self._audibility = Audibility(context.corpora, sample_rate_hz=self.sample_rate_hz, fade_s=0.0)
        if "enrollment" in clues and pool is None:
            raise ConfigError("enrollment clips are taken from `events`; set it, or clues: classes")
        enroll = None
        if pool is not None:
            enroll = PoolEnrollments(context, pool, count=enrollments, max_s=enrollment_s, audibility=self._audibility)
        self._trials = ClassTrials(
            context=context,
            vocabulary=self.vocabulary,
            scenes=self._mixtures.labels("background"),
            conditions=conditions,
            most_active=len(self.vocabulary),
            targets=targets,
            clues=clues,
            captions=captions,
            inactive=inactive_labels,
            confusable=confusable,
            enroll=enroll,
        )

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of soundscape `index`; beyond the last one they begin again."""
        again, place = divmod(index, self.count)
        path = self._mixtures.paths[place]
        mixture_id = safe_id(path.removesuffix(".jams")) + (f"+{again}" if again else "")
        made = self._mixtures.mixture(path, mixture_id)
        sources = [s for s in made.mixture.sources if s.role == "foreground"]
        audible = frozenset(s.id for s in sources if self._audibility.audible(s.clip))
        mixed = SoundMixture(mixture=made.mixture, audible=audible, origin=made.origin)
        rendered, loud = self._rendered(mixed.mixture)
        if self._clip and rendered is not None:
            mixed = replace(mixed, mixture=replace(mixed.mixture, renderer=_AS_CUT[mixed.mixture.renderer]))
            rendered = None
        if self._listed:
            drawn = self._trials.draw(mixed, candidates=self._targets_of(path), in_order=True)
        else:
            drawn = self._trials.draw(mixed)
        return replace(drawn, rendered=rendered, above_full_scale=loud)

    def _rendered(self, mixture: Mixture) -> tuple[Rendered | None, bool]:
        """Signals of a mixture that Scaper has not scaled, and whether it is above full scale."""
        if mixture.renderer not in _AS_CUT:
            return None, False
        try:
            rendered = render(mixture, self._context.corpora)
        except AudioError:  # the build names the recording when it hashes it
            return None, False
        return rendered, bool(np.abs(rendered.mixture).max(initial=0.0) > 1.0)

    def _one_rate(self) -> int:
        rates = self._mixtures.rates()
        if len(rates) > 1:
            raise DatasetError(
                f"corpus {self._set.name!r} has soundscapes of {rates[0]} Hz and of {rates[1]} Hz; "
                "name a `folder` of one rate"
            )
        return rates[0]

    def _targets_of(self, path: str) -> tuple[str, ...]:
        listed = self._set.listed_events(path)
        if listed is None:
            line = f"JAMS file {path!r} has no gt_events.csv in its folder; set listed_targets to false"
            if not any(map(self._set.listed_events, self._mixtures.paths)):
                raise DatasetError(line)
            name = PurePosixPath(path).with_name("gt_events.csv").as_posix()
            raise MissingRecordingsError({(self._set.name, name): line})
        return tuple(read_table(listed).column("label", option="listed_targets"))


def _finders(events: Selection | None, background: Selection | None, context: BuildContext) -> dict[str, FilesByName]:
    """Finders of the files of each role; a background may be among the events."""
    corpora = [context.corpus(selection.corpus) for selection in (background, events) if selection]
    return {
        "foreground": FilesByName(corpora[-1] if events else None),
        "background": FilesByName(corpora[0] if corpora else None),
    }
