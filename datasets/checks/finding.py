"""Result of one check of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")

Verdict = Literal["ok", "remark", "PROBLEM"]
"""A remark describes a property of the protocol, or a defect that does not affect the set."""

_FULL_REMARKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of one check, which looked at `looked_at` of `of` recordings, mixtures, trials or corpora.

    `detail` holds the first problem and their number; else the remarks; else what was measured.
    """

    check: str
    verdict: Verdict
    looked_at: int
    of: int
    detail: str

    @property
    def ok(self) -> bool:
        """Whether nothing must be repaired."""
        return self.verdict != "PROBLEM"


def judged(
    check: str,
    *,
    looked_at: int,
    of: int | None = None,
    problems: Sequence[str] = (),
    remarks: Sequence[str] = (),
    measured: str = "",
) -> Finding:
    """The finding of a check; `of` is `looked_at` by default."""
    verdict: Verdict = "PROBLEM" if problems else "remark" if remarks else "ok"
    if problems:
        more = f" ({len(problems)} in all)" if len(problems) > 1 else ""
        detail = f"{problems[0]}{more}"
    else:
        left = len(remarks) - _FULL_REMARKS
        more = f"and {left} more" if left > 0 else ""
        detail = "; ".join(line for line in (*remarks[:_FULL_REMARKS], more, measured) if line)
    whole = looked_at if of is None else of
    return Finding(check=check, verdict=verdict, looked_at=looked_at, of=whole, detail=detail)


def spread(items: Sequence[T], count: int | None) -> Sequence[T]:
    """At most `count` items, evenly spread from the first on; all if None."""
    if count is None or count >= len(items):
        return items
    return [items[place * len(items) // count] for place in range(count)]
