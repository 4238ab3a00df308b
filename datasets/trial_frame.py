"""The trials of a dataset as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .trials import target_labels, target_transcript
from .types import Mixture, Trial

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20  # trials that a notebook shows


class Trials(tuple[Trial, ...]):
    """Trials in their order, which a notebook shows as a table; `to_frame` is that table."""

    mixtures: Mapping[str, Mixture]

    def __new__(cls, trials: Iterable[Trial], mixtures: Mapping[str, Mixture]) -> Trials:
        """Trials and the mixtures that they refer to, by id."""
        made = super().__new__(cls, trials)
        made.mixtures = mixtures
        return made

    def to_frame(self) -> pd.DataFrame:
        """One line for each trial, without rendering anything.

        The columns `trial_id`, `mixture_id`, `condition`, `n_active`, `n_inactive`, `cluster` and `tag_...` have the
        names and values that they have in the rows of a run. `target` has labels of the target ("" if it is absent),
        `sources` the labels in the mixture, joined by `+`; `clues` the kinds of clue, `classes` the classes named.
        """
        import pandas as pd  # noqa: PLC0415 - slow to import, and most readers of datasets do without

        return pd.DataFrame([_line(trial, self.mixtures[trial.mixture_id]) for trial in self])

    def __reduce__(self) -> tuple[Any, ...]:
        return Trials, (tuple(self), self.mixtures)

    def __repr__(self) -> str:
        return f"<{len(self)} trials: {', '.join(trial.id for trial in self[:3])}{', ...' if len(self) > 3 else ''}>"

    def _repr_html_(self) -> str:
        table: str = Trials(self[:_SHOWN], self.mixtures).to_frame().to_html(index=True, notebook=True)
        return table + (f"<p>{len(self)} trials</p>" if len(self) > _SHOWN else "")


def _line(trial: Trial, mixture: Mixture) -> dict[str, object]:
    sounds = [source.label for source in mixture.sources if source.role == "foreground"]
    return {
        "trial_id": trial.id,
        "mixture_id": trial.mixture_id,
        "condition": trial.condition.kind,
        "n_active": trial.condition.n_active,
        "n_inactive": trial.condition.n_inactive,
        "target": "+".join(target_labels(trial, mixture)),
        "sources": "+".join(sounds),
        "clues": "+".join(sorted(trial.clue.kinds())),
        "classes": "+".join(trial.clue.classes),
        "duration_s": round(mixture.num_samples / mixture.sample_rate_hz, 3),
        "transcript": target_transcript(trial, mixture),
        "cluster": trial.cluster,
        **{f"tag_{name}": value for name, value in trial.tags.items()},
    }
