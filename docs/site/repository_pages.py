"""Pages of the site that are files of the repository's root: README, CONTRIBUTING and CHANGELOG."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the root, and their pages."""

_DOCS = re.compile(r"\]\(docs/")
_ROOT_FILES = re.compile(r"\]\((?:\.\./)?(" + "|".join(map(re.escape, PAGES)) + ")")


def repository_pages() -> dict[str, str]:
    """Markdown of the pages, by path in the site; their links lead to pages."""
    return {page: _DOCS.sub("](", link_to_pages((ROOT / name).read_text("utf-8"))) for name, page in PAGES.items()}


def link_to_pages(markdown: str) -> str:
    """Text whose links to the files of the root lead to their pages."""
    return _ROOT_FILES.sub(lambda match: f"]({PAGES[match[1]]}", markdown)
