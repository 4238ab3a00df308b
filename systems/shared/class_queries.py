"""Queries by sound class: are the labels known, and as a multi-hot matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import ExtractionError, suggest
from ..protocol import QueryBatch, SystemCard


def check_rate(batch: QueryBatch, card: SystemCard) -> None:
    """Refuse a batch of another rate.

    Raises:
        ExtractionError: the batch is not at the card's sample rate.
    """
    if batch.sample_rate_hz != card.sample_rate_hz:
        raise ExtractionError(
            f"system {card.name!r} works at {card.sample_rate_hz} Hz, but the batch is at "
            f"{batch.sample_rate_hz} Hz; resample it"
        )


def refusal(labels: Sequence[str], classes: Sequence[str]) -> str | None:
    """Why these labels cannot be answered with the vocabulary `classes`, or None."""
    if not labels:
        return "the query names no sound class, and this system needs at least one"
    unknown = next((label for label in labels if label not in classes), None)
    if unknown is None:
        return None
    return f"unknown sound class {unknown!r}{suggest(unknown, classes)}"


def multi_hot(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> Tensor:
    """Labels of B queries as a float matrix [B, V] over the vocabulary `classes`."""
    index = {label: column for column, label in enumerate(classes)}
    query = torch.zeros(len(labels), len(classes))
    for row, names in zip(query, labels, strict=True):
        for name in names:
            row[index[name]] = 1.0
    return query


def read_labels(batch: QueryBatch, classes: Sequence[str]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Labels of each query, none where it is refused, and the refusals by query id."""
    failures = {
        query_id: reason
        for query_id, clues in zip(batch.ids, batch.clues, strict=True)
        if (reason := refusal(clues.classes, classes))
    }
    labels = [
        () if query_id in failures else clues.classes
        for query_id, clues in zip(batch.ids, batch.clues, strict=True)
    ]
    return labels, failures
