"""Finding and reading YAML, and the folders of corpora."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsebench.core.config_files import SHIPPED, corpus_dirs, find_config, read_yaml, shipped_names
from tsebench.core.errors import ConfigError
from tsebench.datasets.config import load_dataset_configs

SET = """
name: {name}
builder: sound_mix
corpora: {{s: {{kind: synthetic_sounds}}}}
params: {{events: {{corpus: s}}, count: 1}}
"""


@pytest.fixture(autouse=True)
def no_user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate from the user's file and the working folder."""
    monkeypatch.delenv("TSEBENCH_CORPORA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "is not YAML"),
        ("a: 1\n  b: 2", "is not YAML"),
        ("- 1", "must hold `key: value` lines"),
        ("", "must hold `key: value` lines"),
        ("a: 1\na: 2", "key 'a' is written twice"),
        ("a: {b: 1, c: {d: 1, d: 2}}", "key 'd' is written twice"),
        ("? [1]\n: 2", "is not YAML"),
        ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_bad_yaml_gives_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = _write(tmp_path / "a.yaml", text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)
    assert "a.yaml" in str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    for path in (tmp_path / "latin.yaml", tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot read config"):
            read_yaml(path)


def test_yaml_with_anchors_and_merges(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.yaml", "base: &b {x: 1, y: é}\nmine: {<<: *b, x: 2}\n")
    assert read_yaml(path) == {"base": {"x": 1, "y": "é"}, "mine": {"x": 2, "y": "é"}}


@pytest.mark.parametrize("name", shipped_names("datasets"))
def test_shipped_names_are_found_in_each_spelling(name: str) -> None:
    path = SHIPPED / "datasets" / f"{name}.yaml"
    spellings = (name, f"{name}.yaml", f"datasets/{name}", f"configs/datasets/{name}.yaml")
    for spelling in (*spellings, str(path)):
        assert find_config(spelling, folder="datasets") == path
    assert load_dataset_configs(name)


def test_a_file_of_the_user_wins(tmp_path: Path) -> None:
    mine = _write(tmp_path / "work" / "quickstart.yaml", "a: 1")
    assert find_config("quickstart.yaml").resolve() == mine
    assert find_config("quickstart") == SHIPPED / "quickstart.yaml"
    assert find_config(str(mine)) == mine


@pytest.mark.parametrize("reference", ["", "..", "../x", "/etc", "x" * 5000, "a\0b", "datasets"])
def test_references_that_are_no_config(reference: str) -> None:
    with pytest.raises(ConfigError, match="neither a file nor a shipped config"):
        find_config(reference)


def test_a_misspelt_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no config 'mini_sound': .*; did you mean 'mini_sounds'"):
        find_config("mini_sound", folder="datasets")


def test_corpus_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert corpus_dirs() == {}
    user = _write(
        tmp_path / "home" / ".config" / "tsebench" / "corpora.yaml", f"a: {tmp_path / 'A'}\nb: ~/B\nc: near\n"
    )
    folders = {"a": tmp_path / "A", "b": tmp_path / "home" / "B", "c": user.parent / "near"}
    assert corpus_dirs() == folders
    overrides = {"a": Path("~/mine"), "d": Path("relative")}
    given = {"a": tmp_path / "home" / "mine", "d": Path("relative")}
    assert corpus_dirs(overrides) == {**folders, **given}
    monkeypatch.setenv("TSEBENCH_CORPORA", str(_write(tmp_path / "other.yaml", "z: /z")))
    assert corpus_dirs() == {"z": Path("/z")}


def test_a_bad_user_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "corpora.yaml"
    monkeypatch.setenv("TSEBENCH_CORPORA", str(path))
    with pytest.raises(ConfigError, match=r"cannot read config .*corpora\.yaml"):
        corpus_dirs()
    _write(path, "a: [1]")
    with pytest.raises(ConfigError, match=r"corpora\.yaml': a = \[1\] is not a folder's path"):
        corpus_dirs()


def test_a_collection_finds_its_members_next_to_it_and_shipped(tmp_path: Path) -> None:
    _write(tmp_path / "one.yaml", SET.format(name="one"))
    _write(tmp_path / "sub" / "two.yaml", SET.format(name="two"))
    _write(tmp_path / "part.yaml", "datasets: [sub/two.yaml]")
    every = _write(tmp_path / "all.yaml", "datasets: [one.yaml, part.yaml, mini]")
    names = [config.name for config in load_dataset_configs(str(every))]
    assert names == ["one", "two", "mini_speech", "mini_sounds"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: [all.yaml]", "holds itself"),
        ("datasets: [back.yaml]", "holds itself"),
        ("datasets: [one.yaml, one.yaml]", "two datasets named 'one'"),
        ("datasets: []", r"datasets = \[\]"),
        ("datasets: [nothing]", "no config 'nothing'"),
        ("datasets: [one.yaml]\nmore: 1", "unknown key"),
    ],
)
def test_a_wrong_collection(tmp_path: Path, text: str, message: str) -> None:
    _write(tmp_path / "one.yaml", SET.format(name="one"))
    _write(tmp_path / "back.yaml", "datasets: [all.yaml]")
    with pytest.raises(ConfigError, match=message):
        load_dataset_configs(str(_write(tmp_path / "all.yaml", text)))


@pytest.mark.parametrize("name", ["a b", "../a", "", ".a", "ä", "a/b"])
def test_a_dataset_name_is_a_file_name(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / "a.yaml", SET.format(name=f'"{name}"'))
    with pytest.raises(ConfigError, match=r"a\.yaml: name = "):
        load_dataset_configs(str(path))
