"""Query conditions: pools, nesting, targets, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tsebench.core.errors import ConfigError, DatasetError
from tsebench.datasets.queries import ClassQuery, ConditionText, Targets, draw_queries, parse_condition
from tsebench.datasets.types import Condition

VOCABULARY = tuple(f"class {n}" for n in range(12))
PRESENT = VOCABULARY[2:5]


def _draw(
    *conditions: str, targets: Targets = "one", mixture: str = "test-000000", **changed: object
) -> list[ClassQuery]:
    arguments = {"active": PRESENT, "present": PRESENT, "pool": VOCABULARY, **changed}
    return draw_queries(
        conditions=[parse_condition(text) for text in conditions],
        targets=targets,
        key=("set", "1", 0, mixture),
        **arguments,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("text", "kind"), [("1:0", "FMQ"), ("2:0", "FMQ"), ("1:3", "PMQ"), ("0:1", "FUQ"), ("0:0", "")]
)
def test_conditions_and_their_kinds(text: str, kind: str) -> None:
    condition = parse_condition(text)
    assert (str(condition), condition.kind) == (text, kind)


@pytest.mark.parametrize("text", ["1", "1:", "-1:2", "1:1:1", "", "a:b", "1.0:1", "١:1"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not n_active:n_inactive"):
        parse_condition(text)


@pytest.mark.parametrize(("number", "text"), [(60, "1:0"), (63, "1:3"), (120, "2:0")])
def test_a_condition_without_quotes_is_a_number_in_yaml(number: int, text: str) -> None:
    with pytest.raises(ValidationError, match=f"YAML reads {text} .* write '{text}'"):
        TypeAdapter(ConditionText).validate_python(number)


def test_a_query_for_everything_names_no_class() -> None:
    (query,) = _draw("0:0", active={"a", "b"}, present={"a", "b", "c"})
    assert (sorted(query.active), query.inactive, query.classes) == (["a", "b"], (), ())
    assert _draw("0:0", active=set(), present={"c"}) == []


@settings(deadline=None)
@given(
    present=st.sets(st.sampled_from(VOCABULARY), min_size=1, max_size=6),
    confusable=st.sets(st.sampled_from(VOCABULARY), max_size=2),
    mixture=st.text(max_size=5),
)
def test_every_query_fits_its_condition(present: set[str], confusable: set[str], mixture: str) -> None:
    queries = _draw(*("1:0", "1:1", "1:3", "0:1", "0:4"), mixture=mixture, active=present, present=present | confusable)
    assert [str(query.condition) for query in queries] == ["1:0", "1:1", "1:3", "0:1", "0:4"]
    for query in queries:
        assert len(query.active) == query.condition.n_active
        assert len(set(query.inactive)) == query.condition.n_inactive
        assert set(query.active) <= present
        assert not set(query.inactive) & (present | confusable)
        assert query.classes == tuple(sorted({*query.active, *query.inactive}))


def test_inactive_classes_nest() -> None:
    for n in range(50):
        fuq, pmq1, pmq3 = _draw("0:1", "1:1", "1:3", mixture=f"m{n}")
        assert set(fuq.inactive) == set(pmq1.inactive) < set(pmq3.inactive)
        assert pmq1.active == pmq3.active


def test_a_query_depends_neither_on_order_nor_on_the_other_conditions() -> None:
    alone = _draw("1:3")
    assert _draw("0:1", "1:3", "2:0")[1] == alone[0]
    assert _draw("1:3", active=PRESENT[::-1], pool=reversed(VOCABULARY)) == alone


def test_mixtures_draw_differently_and_evenly() -> None:
    """1,000 mixtures, 9 inactive classes: each is first 111 times, within 5 standard deviations."""
    first = [_draw("0:1", mixture=f"m{n}")[0].inactive[0] for n in range(1000)]
    target = [_draw("1:0", mixture=f"m{n}")[0].active[0] for n in range(1000)]
    assert all(abs(first.count(name) - 111) < 50 for name in set(VOCABULARY) - set(PRESENT))
    assert all(abs(target.count(name) - 333) < 75 for name in PRESENT)


def test_more_inactive_classes_than_the_pool_holds_is_an_error() -> None:
    assert len(_draw("1:9")[0].inactive) == 9
    with pytest.raises(DatasetError, match=r"1:10 needs 10 inactive .* only 9 of the vocab"):
        _draw("1:10")
    with pytest.raises(DatasetError, match="only 0"):
        _draw("0:1", pool=PRESENT)


def test_one_target_or_each_active_class_in_turn() -> None:
    (one,) = _draw("1:1")
    every = _draw("1:1", targets="all")
    assert {query.active for query in every} == {(name,) for name in PRESENT}
    assert {query.inactive for query in every} == {one.inactive}
    assert one == every[0]
    assert len(_draw("0:1", targets="all")) == 1


@pytest.mark.parametrize("targets", ["one", "all"])
def test_several_targets_are_a_prefix(targets: Targets) -> None:
    one, two, three = _draw("1:0", "2:0", "3:0")
    assert one.active == two.active[:1]
    assert two.active == three.active[:2]
    assert _draw("2:0", targets=targets) == [two]


def test_a_mixture_with_too_few_audible_targets_is_asked_what_it_can_answer() -> None:
    """Silent sources are present, so they are neither target nor inactive."""
    queries = _draw("1:0", "2:0", "1:1", "0:1", active=PRESENT[:1])
    assert [str(query.condition) for query in queries] == ["1:0", "1:1", "0:1"]
    assert not {name for query in queries for name in query.classes} & set(PRESENT[1:])
    assert [q.condition for q in _draw("1:0", "0:2", active=())] == [Condition(n_active=0, n_inactive=2)]


def test_the_order_of_classes_does_not_tell_which_is_active() -> None:
    """The active class stands at each of the four places about as often as at the others."""
    places = [0] * 4
    for n in range(400):
        active = VOCABULARY[n % 12]
        (query,) = _draw("1:3", mixture=f"m{n}", active=[active], present=[active])
        places[query.classes.index(active)] += 1
    assert min(places) > 60
