"""YAML texts: plain values alone, and no short text that takes long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tsebench.core.config_files import SHIPPED, read_yaml, setting
from tsebench.core.errors import ConfigError
from tsebench.core.yaml_text import parse_yaml

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 22))
UNUSABLE = [
    ("2024-99-99", "'2024-99-99' is read as 'timestamp'"),
    ("2024-01-01", "'2024-01-01' is read as 'timestamp'"),
    ("!!int abc", "'abc' is not int"),
    ("!!int ''", "'' is not int"),
    ("!!bool maybe", "'maybe' is not bool"),
    ("!!float x", "'x' is not float"),
    ("!!timestamp 9", "'9' is read as 'timestamp'"),
    ("!!binary '*'", "is read as 'binary'"),
    ("!!set {a, b}", "a collection is read as 'set'"),
    ("!!omap [a: 1]", "is read as 'omap'"),
    ("!!map [1]", "expected a mapping node"),
    ("!!seq a", "expected a sequence node"),
    ("!mine a", "is read as '!mine'"),
    ("=", "'=' is read as 'value'"),
    ("{<<: 5}", "expected a mapping or list of mappings"),
    ("9" * 5000, "is not int"),
    ("0x" + "f" * 5000, "has more than 64 bits"),
    ("0b" + "1" * 65, "has more than 64 bits"),
    ("1" + ":59" * 400, "has more than 64 bits"),
    ("9" * 30, "has more than 64 bits"),
    ("&a [*a]", "holds itself by an alias"),
    ("&a {b: {c: *a}}", "holds itself by an alias"),
    ("&a {<<: *a}", "holds itself by an alias"),
    ("*a", "undefined alias"),
    ("[" * 1000, "nested more than 64 deep"),
    ("[" * 80 + "]" * 80, "nested more than 64 deep"),
    ("{a: " * 80 + "}" * 80, "nested more than 64 deep"),
    ("{1: a, 0x1: b}", "key '0x1' is written twice"),
    ("{yes: a, true: b}", "key 'true' is written twice"),
    ("{[1]: a}", "found unhashable key"),
    ("a\0", "special characters are not allowed"),
    ("{a:\t[1,\t2}", "line 1"),
]


@pytest.mark.parametrize(("text", "message"), UNUSABLE, ids=[text[:20] for text, _ in UNUSABLE])
def test_a_value_that_cannot_be_made_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"key: {text}\n" if "\0" not in text else text, encoding="utf-8")
    for read in (lambda: read_yaml(path), lambda: setting(f"key={text}", example="a=1", flag="--set")):
        with pytest.raises(ConfigError) as caught:
            read()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 490


@pytest.mark.parametrize("text", [LAUGHS, MERGES], ids=["laughs", "merges"])
def test_aliases_do_not_multiply(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match="aliases stand for more than 100000 values"):
        parse_yaml(text)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1".encode("utf-16"), "is not UTF-8"),
        (b"a: \xe9", "is not UTF-8"),
        (b"a: 1\n" * 2**18, "more than the 1048576"),
        (b"\x00" * 100, "a file of zero bytes"),
        (b"a: \x00", "special characters"),
        (b"\xef\xbb\xbf- 1", "must hold `key: value` lines"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_yaml(path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path) == {"a": 1}


def test_an_overridden_merge_is_no_duplicate() -> None:
    text = "x: &x {k: 0}\na: {b: &m {<<: *x, k: 1}}\nc: {<<: *m}\nd: {<<: *m, k: 2}\n"
    assert parse_yaml(text) == {"x": {"k": 0}, "a": {"b": {"k": 1}}, "c": {"k": 1}, "d": {"k": 2}}


@pytest.mark.parametrize("name", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_are_within_the_bounds(name: Path) -> None:
    assert read_yaml(name)
