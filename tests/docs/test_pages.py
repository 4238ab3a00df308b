"""Pages of the documentation: all are in the navigation, and links between them resolve. `make docs` builds them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from helpers.markdown_blocks import anchors, links
from helpers.paths import ROOT

DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
GENERATED = (
    "index.md",
    "contributing.md",
    "changelog.md",
    "python.md",
    "protocols.md",
    "shipped.md",
    "commands/*",
    "keys/*",
)


class _Tags(yaml.SafeLoader):
    """Reads `!!python/...` of mkdocs.yml as nothing."""


_Tags.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def in_nav(entry: object) -> list[str]:
    if isinstance(entry, dict | list):
        return [page for item in (entry.values() if isinstance(entry, dict) else entry) for page in in_nav(item)]
    return [str(entry)]


def test_the_navigation_holds_every_page_once() -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=_Tags)
    found = [page for page in in_nav(config["nav"]) if page not in GENERATED]
    assert sorted(found) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(DOCS) or target in PAGES
        if not (inside and target.is_file()) or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong
