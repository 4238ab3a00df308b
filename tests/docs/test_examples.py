"""Examples of the pages: commands parse, configs are valid, Python compiles."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from helpers.markdown_blocks import Block, blocks, command_lines, command_spans
from helpers.paths import ROOT

from tsebench.bench.config import RunConfig, load_run_config
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.cli.main import app
from tsebench.core.validation import parse
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.protocols.builder import BUILDERS
from tsebench.datasets.protocols.corpus import CORPORA
from tsebench.reports.formats.registry import REPORTS
from tsebench.systems.registry import SYSTEMS
from tsebench.systems.training.config import TrainConfig, load_train_config

PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCKS = [block for page in PAGES for block in blocks(page)]
OF_A_READER = ("my_", "example_")
"""Names that a page shows how to add."""
GROUP: Any = typer.main.get_command(app)

LOADERS: dict[str, Callable[[str, list[str]], object]] = {
    "run": load_run_config,
    "train": load_train_config,
    "build": lambda config, _: load_dataset_configs(config),
}
"""Reader of the config of each command."""


def parsed(words: list[str], *, whole: bool = True) -> tuple[str, dict[str, Any]]:
    """Name and parameters of a command line; an unknown command or option raises.

    Args:
        whole: arguments may not be missing either.
    """
    name = words[1]
    if name.isupper() or words[1:] in (["--help"], ["--version"]):
        return name, {}
    assert name in GROUP.commands, f"no command {name!r}"
    command = GROUP.commands[name]
    if not whole:
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, words
        return name, {}
    return name, command.make_context(name, list(words[2:])).params


def is_placeholder(word: str) -> bool:
    """A config of the reader's own: a YAML file, or a word in capitals."""
    return word.endswith(".yaml") or word.isupper()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_parse(page: Path) -> None:
    for block in (block for block in BLOCKS if block.page == page):
        for words in command_lines(block):
            name, values = parsed(words)
            config = values.get("config")
            if name in LOADERS and config and not is_placeholder(config):
                LOADERS[name](config, values.get("settings") or [])
            if values.get("metrics") and name == "score":
                plan_metrics(tuple(values["metrics"].split(",")))
            for each in (values.get("formats") or "csv").split(","):
                if not each.startswith(OF_A_READER):
                    REPORTS.get(each)
    for line in command_spans(page):
        parsed(shlex.split(line), whole=False)


@pytest.mark.parametrize("name", sorted(GROUP.commands))
def test_examples_of_a_help_text_parse(name: str) -> None:
    for words in command_lines(Block(ROOT / "cli", 1, "sh", GROUP.commands[name].epilog or "")):
        assert parsed(words)[0] == name


def yaml_blocks() -> list[Block]:
    return [block for block in BLOCKS if block.language == "yaml"]


@pytest.mark.parametrize("block", yaml_blocks(), ids=str)
def test_configs_of_a_page_are_valid(block: Block) -> None:
    data = yaml.safe_load(block.text)
    where = str(block)
    if "builder" in data:
        check_dataset(parse(DatasetConfig, data, where=where), where=where)
    elif "optimiser" in data or "net" in data:
        parse(TrainConfig, data, where=where)
    elif set(data) == {"tracking"}:
        rest = {"name": "page", "system": "soundbeam", "data": {"dataset": "mini_sounds", "per_epoch": 8, "valid": 2}}
        parse(TrainConfig, {**rest, **data}, where=where)
    elif "jobs" not in data and {"systems", "metrics", "rank_by"} & set(data):
        rest = {"name": "page", "datasets": ["mini_sounds"], "systems": ["mixture"]}
        config = parse(RunConfig, {**rest, **data}, where=where)
        plan_metrics(config.metrics)
        names = {system.name for system in config.systems}
        assert {name for name in names if not name.startswith(OF_A_READER)} <= set(SYSTEMS.names())
    else:  # a workflow; the table of a paper, which the page on plug-ins is tested with
        assert "jobs" in data or "claims" in data, where


def check_dataset(config: DatasetConfig, *, where: str) -> None:
    """Kinds and options of the corpora, and the names of the builder's parameters."""
    from inspect import signature

    if config.builder.startswith(OF_A_READER):
        return
    builder = signature(BUILDERS.get(config.builder)).parameters
    assert set(config.params) <= set(builder), where
    for corpus in config.corpora.values():
        assert set(corpus.options) <= set(signature(CORPORA.get(corpus.kind)).parameters), where


def of_language(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("block", of_language("python"), ids=str)
def test_python_of_a_page_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")
