"""Embeddings of sound classes: one column of a matrix for each label."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def fresh_columns(num_classes: int, dim: int) -> Tensor:
    """Random embeddings [V, D]; their rows are the columns of the paper's W.

    Around one, so that training starts from a network in which the clue neither mutes nor flips channels.
    """
    return 1.0 + 0.5 * torch.randn(num_classes, dim)


def embed(query: Tensor, columns: Tensor) -> Tensor:
    """W o [B, D] of multi-hot queries o [B, V] and embeddings [V, D].

    The sum is taken in double: rounded once, it does not depend on its order, and so not on the number of classes that
    the query does not name.
    """
    total: Tensor = query.double() @ columns.double()
    return total.to(columns.dtype)


class LabelEmbedding(nn.Module):
    """One embedding [D] for each of V classes; that of a query is the sum over its classes."""

    def __init__(self, *, num_classes: int, dim: int) -> None:
        super().__init__()
        self.columns = nn.Parameter(fresh_columns(num_classes, dim))

    def forward(self, query: Tensor) -> Tensor:
        """Multi-hot queries [B, V] to embeddings [B, D]."""
        return embed(query, self.columns)
