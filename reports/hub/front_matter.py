"""Keys at the head of a repository's page, which the hub reads."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

PAGE = "README.md"
TAGS = ("tsebench", "audio", "target-speech-extraction")
_KNOWN = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "mpl-2.0", "cc0-1.0"),
    *(f"cc-by{kind}-{version}" for kind in ("", "-sa", "-nc", "-nd", "-nc-sa", "-nc-nd") for version in ("3.0", "4.0")),
}


def licence_keys(licence: str) -> dict[str, str]:
    """A licence in the hub's words; one that the hub has no word for is `other`, with its name.

    Source: the list of licences in the hub's documentation of repositories.
    """
    word = licence.strip().lower()
    if word in _KNOWN:
        return {"license": word}
    return {"license": "other", "license_name": licence.strip()[:100] or "unknown"}


def front_matter(keys: Mapping[str, object]) -> str:
    """The head of a page of Markdown: YAML between two rules."""
    return f"---\n{yaml.safe_dump(dict(keys), sort_keys=False, allow_unicode=True)}---\n"
