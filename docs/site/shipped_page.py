"""Page of the configs that come with tsebench: names and descriptions of runs, data sets and trainings."""

from __future__ import annotations

from tsebench.core.config_files import find_config, read_yaml, shipped_names

_KINDS = (
    (".", "Runs", "tsebench run NAME"),
    ("paper", "Runs of papers' tables", "tsebench run paper/NAME"),
    ("datasets", "Datasets", "tsebench build NAME"),
    ("train", "Trainings", "tsebench train NAME"),
)
_HEAD = """# Shipped configs

Generated from the folder `configs/`. The comment at the top of a config says which corpora it needs; those whose names
hold `mini` or `synthetic`, and `quickstart` and `wer`, need none.
"""


def shipped_page() -> str:
    """Markdown of the page."""
    return "\n".join([_HEAD, *(line for kind in _KINDS for line in _table(*kind))])


def _table(folder: str, title: str, command: str) -> list[str]:
    rows = [f"| `{name}` | {_description(name, folder)} |" for name in shipped_names(folder)]
    return [f"## {title}", "", f"`{command}`", "", "| name | description |", "| --- | --- |", *rows, ""]


def _description(name: str, folder: str) -> str:
    config = read_yaml(find_config(name, folder=folder))
    parts = ", ".join(str(part) for part in config.get("datasets", ()))
    return str(config.get("description") or f"all of: {parts}").replace("|", "\\|")
