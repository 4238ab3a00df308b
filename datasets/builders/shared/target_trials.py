"""Trials that name their target sources, for mixtures of speech and of sources without classes."""

from __future__ import annotations

from collections.abc import Mapping

from ...protocols.builder import Drawn
from ...types import ClueSpec, Condition, Mixture, Tag, Trial
from .sound_scenes import SoundMixture

NO_CLUE = "none: the sources have no classes"
NOTE = (
    "The sources of this set have no classes: trials name a source and carry no clue, so only "
    "systems that need none can answer; queries by class or enrollment need a corpus of classes"
)


CUT_NOTE = (
    "min mode cuts utterances, and only one that is not cut has a transcript; measure word error rates on "
    "a set with `mode: max`"
)


def target_trial(mixture: Mixture, *targets: str, clue: ClueSpec, tags: Mapping[str, Tag], trial_id: str = "") -> Trial:
    """The trial on the sum of some sources; its id is `<mixture>_<target>` unless given."""
    return Trial(
        id=trial_id or f"{mixture.id}_{targets[0]}",
        mixture_id=mixture.id,
        clue=clue,
        target_ids=targets,
        condition=Condition(n_active=len(targets), n_inactive=0),
        cluster=mixture.id,
        tags=tags,
    )


def trials_without_clue(mixed: SoundMixture) -> Drawn:
    """One trial for each source that is not silent, backgrounds included."""
    mixture = mixed.mixture
    audible = [source.id for source in mixture.sources if source.id in mixed.audible]
    count = len(mixture.sources)
    trials = tuple(
        target_trial(
            mixture,
            name,
            clue=ClueSpec(),
            tags={"target": name, "clue": NO_CLUE, "n_sources": count, **mixed.level_tags((name,))},
        )
        for name in audible
    )
    return Drawn(mixture=mixture, trials=trials, excluded={"silent_target": count - len(audible)})
