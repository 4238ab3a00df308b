"""Trials of mixtures whose sources have no names: each source in turn, without any clue."""

from __future__ import annotations

from ...protocols.builder import Drawn
from ...types import ClueSpec, Condition, Trial
from .sound_scenes import Mixed

NO_CLUE = "none: the sources have no classes"
NOTE = (
    "The sources of this set have no classes: trials name a source and carry no clue, so only "
    "systems that need none can answer; queries by class or enrollment need a corpus of classes"
)


def ask_for_sources(mixed: Mixed) -> Drawn:
    """One trial for each source that is not silent, the background among them."""
    mixture = mixed.mixture
    heard = [source for source in mixture.sources if source.id in mixed.audible]
    trials = tuple(
        Trial(
            id=f"{mixture.id}_{source.id}",
            mixture_id=mixture.id,
            clue=ClueSpec(),
            target_ids=(source.id,),
            condition=Condition(n_active=1, n_inactive=0),
            cluster=mixture.id,
            tags={
                "target": source.id,
                "clue": NO_CLUE,
                "n_sources": len(mixture.sources),
                **mixed.level_tags((source.id,)),
            },
        )
        for source in heard
    )
    silent = len(mixture.sources) - len(heard)
    excluded = {"silent_target": silent} if silent else {}
    return Drawn(mixture=mixture, trials=trials, excluded=excluded)
