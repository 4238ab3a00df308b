"""One value of one metric for one answer of one system to one trial; `rows` has the files.

Scoring begins before anything needs tables: this module must stay cheap to import.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .outcome import Score

if TYPE_CHECKING:
    from ..datasets.facts import ConditionKind
    from ..datasets.types import Tag

TAG_PREFIX = "tag_"
NEAREST = "nearest"
WATCHED = "wrong_target_rate"
"""Metric that every run and score computes, for the tag `NEAREST` and a remark where many estimates are of another
source."""
OUTPUT = "output"
ANSWER_TAGS = (NEAREST, OUTPUT)
"""Tags of answers, not of trials: the source that an estimate is nearest to, and a separator's output."""

ROWS = "rows"
"""Folder of the shards in a run folder."""

FILES = "files"
"""Name of the set of trials of scored folders."""

SAMPLE = "sample"
"""Column of the number of the sample, from 0; a shard of first samples alone leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow(Score):
    """A score with its run, system, dataset and the facts of its trial.

    Attributes:
        cluster: trials of one cluster are resampled together.
        tags: properties that reports slice by; stored as text.
        sample: number of the system's answer to the trial, from 0; a system that draws several has rows for each.
    """

    run_id: str
    system: str
    dataset: str
    mixture_id: str
    condition: ConditionKind
    n_active: int
    n_inactive: int
    cluster: str
    tags: Mapping[str, Tag] = field(default_factory=dict)
    sample: int = 0

    def __post_init__(self) -> None:
        Score.__post_init__(self)
        if math.isnan(self.value) == (self.status == "ok"):
            raise ValueError(
                f"row {self.system}/{self.trial_id}/{self.metric}: value {self.value} does not fit "
                f"status {self.status!r}; a value is NaN exactly when its status is not 'ok'"
            )
