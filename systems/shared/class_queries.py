"""Queries by sound class: check of the labels, and multi-hot matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ...core.errors import suggest
from ..protocol import QueryBatch
from ..trainable import TrainBatch

Threshold = Annotated[float, Field(ge=0.0, le=1.0)]
"""Smallest probability of a class that counts as present."""


def refusal(labels: Sequence[str], classes: Sequence[str]) -> str | None:
    """Reason why a query for these labels cannot be answered with the vocabulary `classes`, or None."""
    if not labels:
        return "the query names no sound class, and this system needs at least one"
    unknown = next((label for label in labels if label not in classes), None)
    if unknown is None:
        return None
    return f"unknown sound class {unknown!r}{suggest(unknown, classes)}"


def read_labels(batch: QueryBatch, classes: Sequence[str]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Labels of each query, none if it is refused, and the refusals by query id."""
    labels: list[tuple[str, ...]] = []
    failures: dict[str, str] = {}
    for query_id, clues in zip(batch.ids, batch.clues, strict=True):
        reason = refusal(clues.classes, classes)
        labels.append(() if reason else clues.classes)
        failures |= {query_id: reason} if reason else {}
    return labels, failures


def multi_hot(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> Tensor:
    """Labels of B queries as a float matrix [B, V] over the vocabulary `classes`."""
    index = {label: column for column, label in enumerate(classes)}
    query = torch.zeros(len(labels), len(classes))
    for row, names in zip(query, labels, strict=True):
        for name in names:
            row[index[name]] = 1.0
    return query


def known_multi_hot(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> Tensor:
    """`multi_hot` of the labels that the vocabulary has; others are left out."""
    return multi_hot([[label for label in some if label in classes] for some in labels], classes)


def requested_classes(batch: TrainBatch, classes: Sequence[str]) -> Tensor:
    """Multi-hot queries [B, V] of a training batch, on the CPU."""
    return multi_hot([clues.classes for clues in batch.queries.clues], classes)
