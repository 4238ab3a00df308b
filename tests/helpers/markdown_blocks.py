"""Code blocks, commands, links and anchors of Markdown pages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n(?:\n(?=    ))?)+", re.MULTILINE)
_SPAN = re.compile(r"`(tsebench [^`\n]+)`")
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        language: the word behind the fence; "" for indented blocks.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Fenced blocks, then indented ones."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        inner = "\n".join(line.removeprefix(found[1]) for line in found[3].splitlines())
        yield Block(page, text.count("\n", 0, found.start()) + 2, found[2], inner + "\n")
    for found in _INDENTED.finditer(_without_fences(text)):
        inner = "\n".join(line[4:] for line in found[0].splitlines())
        yield Block(page, text.count("\n", 0, found.start()) + 1, "", inner + "\n")


def command_lines(block: Block) -> Iterator[list[str]]:
    """Words of each `tsebench` command of a block for a shell, without comments and what a pipe or `||` leads to."""
    if block.language not in {"", "sh", "bash", "console"}:
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.strip().removeprefix("$ "), comments=True) if "tsebench " in line else []
        if words[:1] == ["tsebench"]:
            ends = [i for i, word in enumerate(words) if word in {"|", "||", "&&", ";", ">"}]
            yield words[: ends[0]] if ends else words


def command_spans(page: Path) -> set[str]:
    """Commands that stand in a sentence or a table, `tsebench list systems`."""
    return set(_SPAN.findall(_without_fences(page.read_text(encoding="utf-8")).replace("\\|", "|")))


def links(page: Path) -> list[str]:
    """Targets of all links and pictures that are not web addresses."""
    found = _LINK.findall(_CODE.sub("", _without_fences(page.read_text(encoding="utf-8"))))
    return [link for link in found if "://" not in link and not link.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as the site and GitHub make them."""
    titles = _HEADING.findall(_without_fences(page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def _without_fences(text: str) -> str:
    """Text whose fenced blocks are blank lines."""
    return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
