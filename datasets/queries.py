"""Query conditions FMQ, PMQ and FUQ, and the classes that queries name.

A condition (n_active : n_inactive) follows the query-refinement paper; what the paper leaves open is settled so: the
pool of inactive classes is the vocabulary without *all* classes of the mixture; one permutation for each mixture makes
the draws nest (FUQ 0:1 ⊂ PMQ 1:1 ⊂ PMQ 1:3).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from ..core.errors import ConfigError, DatasetError
from ..core.validation import StrictModel
from .seeding import generator
from .types import Condition

Targets = Annotated[
    Literal["one", "all"],
    Field(
        description='classes that queries with n_active = 1 name: "one" of each mixture at random, or "all" that can '
        "be a target in turn, each a trial; without effect on other conditions"
    ),
]
Key = tuple[str | int, ...]


def _in_quotes(value: object) -> object:
    if isinstance(value, int):
        raise ValueError(  # noqa: TRY004 (pydantic wants a ValueError)
            f"YAML reads {value // 60}:{value % 60} without quotes as the number {value}; "
            f"write '{value // 60}:{value % 60}'"
        )
    return value


ConditionText = Annotated[str, BeforeValidator(_in_quotes)]
"""A condition in a config: "n_active:n_inactive"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassQuery:
    """The classes that one query names, active ones in the mixture and inactive ones not."""

    condition: Condition
    active: tuple[str, ...]
    inactive: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """All named classes, sorted, so that the order does not give the active ones away; none in a query for all."""
        return tuple(sorted((*self.active, *self.inactive))) if self.condition.kind else ()


def parse_condition(text: str) -> Condition:
    """Read "n_active:n_inactive", for example "1:3"; "0:0" is a query for everything."""
    found = re.fullmatch(r"([0-9]+):([0-9]+)", text)
    if not found:
        raise ConfigError(
            f"condition {text!r} is not n_active:n_inactive; write for example '1:0' (FMQ), '1:3' (PMQ), '0:1' (FUQ) "
            "or '0:0' (everything), in quotes"
        )
    return Condition(n_active=int(found[1]), n_inactive=int(found[2]))


def draw_queries(
    *,
    active: Collection[str],
    present: Collection[str],
    pool: Collection[str],
    conditions: Sequence[Condition],
    targets: Targets,
    key: Key,
) -> list[ClassQuery]:
    """The queries of one mixture.

    Args:
        active: classes of the mixture that can be a target (their source is not silent).
        present: all classes of the mixture, and any that must not count as inactive in it.
        pool: classes that may be drawn as inactive; those of `present` are taken out here.
        targets: with n_active = 1, one target for each mixture or every active class in turn.
        key: (dataset, version, seed, mixture id), the seed of both permutations.
    """
    inactive = _permuted(sorted(set(pool) - set(present)), (*key, "inactive"))
    order = _permuted(sorted(active), (*key, "active"))
    queries: list[ClassQuery] = []
    for condition in conditions:
        if condition.n_inactive > len(inactive):
            raise DatasetError(
                f"condition {condition} needs {condition.n_inactive} inactive classes, but only "
                f"{len(inactive)} of the vocabulary are not in the mixture; list lower numbers"
            )
        if condition.n_active > len(order):
            continue  # too few audible targets: the builder counts the mixture as excluded
        drawn = tuple(inactive[: condition.n_inactive])
        if not condition.kind:  # no class is named: everything that is audible is the target
            queries += [ClassQuery(condition=condition, active=tuple(order), inactive=())] if order else []
            continue
        in_turn = condition.n_active == 1 and targets == "all"
        chosen = [(name,) for name in order] if in_turn else [tuple(order[: condition.n_active])]
        queries += [ClassQuery(condition=condition, active=names, inactive=drawn) for names in chosen]
    return queries


def _permuted(names: Sequence[str], key: Key) -> list[str]:
    return [names[i] for i in generator(*key).permutation(len(names))]


_Number = Annotated[int, Field(ge=0)]


class Sweep(StrictModel):
    """Several conditions; `{n_active: 1, n_inactive: [0, 1, 2]}` is "1:0", "1:1" and "1:2".

    Attributes:
        n_active: named classes that are in the mixture.
        n_inactive: named classes that are not, a number or several.
    """

    n_active: _Number
    n_inactive: _Number | tuple[_Number, ...]


def _kind(item: object) -> str:
    return "sweep" if isinstance(item, Mapping | Sweep) else "text"


ConditionItem = Annotated[Annotated[ConditionText, Tag("text")] | Annotated[Sweep, Tag("sweep")], Discriminator(_kind)]
"""A condition "n_active:n_inactive", or a sweep."""

ConditionList = Annotated[
    tuple[ConditionItem, ...],
    Field(
        min_length=1,
        description="conditions of the queries, each asked on every mixture: 'n_active:n_inactive' in quotes, the "
        "numbers of named classes that are in the mixture (their sum is the target) and that are not. '1:0' is a plain "
        "query (FMQ), '1:2' one with two absent classes (PMQ), '0:1' one whose target is absent (FUQ), '0:0' one that "
        "names no class, whose target is every class of the mixture; a section stands for several",
    ),
]


def expand_conditions(items: Sequence[ConditionItem], *, most_active: int) -> tuple[Condition, ...]:
    """All conditions, in order; `most_active` classes of every mixture can be a target."""
    conditions = tuple(condition for item in items for condition in _expanded(item))
    if not conditions:
        raise ConfigError("conditions: n_inactive = [] is empty; list at least one number")
    for number, condition in enumerate(conditions):
        if condition in conditions[:number]:
            raise ConfigError(f"condition {condition} is listed twice; list it once")
        if condition.n_active > most_active:
            raise ConfigError(
                f"condition {condition} needs {condition.n_active} active classes, but a "
                f"mixture may hold only {most_active}; lower it or raise n_classes"
            )
    return conditions


def _expanded(item: ConditionItem) -> list[Condition]:
    if isinstance(item, str):
        return [parse_condition(item)]
    counts = (item.n_inactive,) if isinstance(item.n_inactive, int) else item.n_inactive
    return [parse_condition(f"{item.n_active}:{count}") for count in counts]
