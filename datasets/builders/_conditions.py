"""Query conditions as configs write them: one by one, or as a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from ...errors import ConfigError
from ...validation import StrictModel
from ..queries import ConditionText, parse_condition
from ..types import Condition

_Number = Annotated[int, Field(ge=0)]


class Sweep(StrictModel):
    """Several conditions: `{n_active: 1, n_inactive: [0, 1, 2]}` is "1:0", "1:1" and "1:2"."""

    n_active: _Number
    n_inactive: _Number | tuple[_Number, ...]


def _kind(item: object) -> str:
    return "sweep" if isinstance(item, Mapping | Sweep) else "text"


ConditionItem = Annotated[
    Annotated[ConditionText, Tag("text")] | Annotated[Sweep, Tag("sweep")],
    Discriminator(_kind),
]
"""A condition "n_active:n_inactive", or a sweep."""

ConditionList = Annotated[tuple[ConditionItem, ...], Field(min_length=1)]


def expand_conditions(items: Sequence[ConditionItem], *, most_active: int) -> tuple[Condition, ...]:
    """All conditions, in order.

    Args:
        items: as a config has them.
        most_active: classes that every mixture holds and that can be a target.

    Raises:
        ConfigError: a condition is asked for twice, names no class, or asks for too many.
    """
    conditions = tuple(condition for item in items for condition in _expanded(item))
    if not conditions:
        raise ConfigError("conditions: n_inactive = [] asks for nothing; name one number at least")
    for number, condition in enumerate(conditions):
        if condition in conditions[:number]:
            raise ConfigError(f"condition {condition} is asked for twice; name it once")
        if condition.n_active > most_active:
            raise ConfigError(
                f"condition {condition} asks for {condition.n_active} active classes, but a "
                f"mixture may hold only {most_active}; lower it or raise n_classes"
            )
    return conditions


def _expanded(item: ConditionItem) -> list[Condition]:
    if isinstance(item, str):
        return [parse_condition(item)]
    counts = (item.n_inactive,) if isinstance(item.n_inactive, int) else item.n_inactive
    return [parse_condition(f"{item.n_active}:{count}") for count in counts]
