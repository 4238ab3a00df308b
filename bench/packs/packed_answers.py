"""Estimates of a pack as answers that can be scored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import AudioError
from ...core.files import read_limited
from ...core.json_text import parse_json
from ...core.text import error_text
from ...datasets.seeding import digest
from ...datasets.signals.audio import info
from ..inference.answer import Answer
from ..inference.ask import Inference
from ..inference.batching import Item
from ..run.estimate_files import estimate_path, sample_folder
from ..run.estimate_store import read_answer
from .pack_record import PackedEstimates

_MOST_BYTES = 1 << 24  # of a file that is stored with an estimate
_MOST_OUTPUTS = 1000


class PackedAnswers:
    """Stored estimates of one system on one set, an `AnswerSource`; a stranger wrote them.

    Args:
        each: the list of the estimates.
        folder: where they are unpacked.
        classes: of the system's class probabilities, or None.
    """

    inference: Inference | None = None
    reusable = False

    def __init__(
        self, each: PackedEstimates, folder: Path, *, classes: tuple[str, ...] | None, sample: int = 0
    ) -> None:
        self.identity = digest("packed", json.dumps(dict(each.files), sort_keys=True))
        self.classes, self.sample = classes, sample
        self._folder = sample_folder(folder, sample)

    def complete(self, _: Sequence[str], /) -> bool:
        """True: there is nothing to ask."""
        return True

    def stored(self, items: Sequence[Item]) -> dict[int, Answer]:
        """All answers, by item index; what is wrong with a file fails its own trial."""
        return {item.index: self._answer(item) for item in items}

    def store(self, _items: Sequence[Item], _answers: Mapping[int, Answer], /) -> None:
        """Nothing: the files are there."""

    def _answer(self, item: Item) -> Answer:
        path = estimate_path(self._folder, item.query.id)
        if not path.is_file():
            return Answer(failure="no estimate in the pack")
        try:
            if (rate_hz := info(path).sample_rate_hz) != item.query.sample_rate_hz:
                return Answer(failure=f"wrong_rate: {rate_hz} Hz, not {item.query.sample_rate_hz}")
            if fault := self._fault_beside(path):
                return Answer(failure=fault)
            return read_answer(path, item)
        except AudioError as error:
            return Answer(failure=f"unreadable: {error_text(error)}".replace(str(self._folder), "."))

    def _fault_beside(self, path: Path) -> str:
        """Fault of the files that are stored with an estimate, in one line; "" if they can be read."""
        outputs = path.parent / "outputs" / path.stem / "labels.json"
        checks = (
            (path.with_suffix(".classes.json"), lambda value: _are_numbers(value, len(self.classes or ()))),
            (path.with_suffix(".activity.json"), lambda value: _are_numbers(value, None)),
            (outputs, _are_labels),
        )
        for file, right in checks:
            if not file.is_file():
                continue
            try:
                value: Any = parse_json(read_limited(file, _MOST_BYTES))
            except (OSError, ValueError):
                return f"unreadable: {file.name} is no JSON"
            if not right(value):
                return f"unreadable: {file.name} does not hold what tsebench writes there"
        words = path.with_suffix(".words.txt")
        if words.is_file():
            try:
                read_limited(words, _MOST_BYTES).decode()
            except (OSError, UnicodeDecodeError):
                return f"unreadable: {words.name} is no text in UTF-8"
        return ""


def _are_numbers(value: object, count: int | None) -> bool:
    """Whether a value is a list of finite numbers, `count` of them unless it is None."""
    return (
        isinstance(value, list)
        and count in {None, len(value)}
        and all(isinstance(each, int | float) and math.isfinite(each) for each in value)
    )


def _are_labels(value: object) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_OUTPUTS and all(isinstance(each, str) for each in value)
