"""The source that an estimate is nearest to, as a tag of its rows: always computed, without a metric of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..outcome import Score
from ..score_row import NEAREST, WATCHED

TARGET, OTHER = "target", "other"
"""Values of the tag; a trial without any other source has no such tag, and neither has one without an estimate."""


def nearest_tag(scores: Sequence[Score]) -> Mapping[str, str]:
    """The tag of one answer from its scores, which hold `wrong_target_rate` if that is computed."""
    values = [score.value for score in scores if score.metric == WATCHED and score.status == "ok"]
    return {NEAREST: OTHER if values[0] > 0.0 else TARGET} if values else {}
