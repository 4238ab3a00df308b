"""Common part of metrics that judge each answer by itself, at once and in this process.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ....core.arrays import without_gradients
from ...outcome import Outcome, Submit
from ..protocol import Answered


class OneByOne(ABC):
    """A metric whose value for an answer follows from that answer alone, at any sample rate."""

    def judge(
        self,
        answers: Sequence[Answered],
        *,
        sample_rate_hz: int,  # noqa: ARG002
        submit: Submit,  # noqa: ARG002
    ) -> Sequence[Outcome]:
        """One value for each answer."""
        with without_gradients():
            return [self._outcome(answer) for answer in answers]

    @abstractmethod
    def _outcome(self, answer: Answered) -> Outcome:
        """The value of one answer."""
