"""`make licences`: licences of the dependencies and of what their wheels hold, into docs/licences.md.

The list is of what is installed: pip-licenses reads the metadata, and the files of each package are searched for shared
libraries. What an extra needs and is not installed is listed as such.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bundled import INSIDE, UNKNOWN, Inside, library_of, licence_of
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
NOT_INSTALLED = "not installed when this list was made"
RESTRICTED = re.compile(r"GPL|MPL|Mozilla|EUPL|EPL|CDDL|proprietary|disputed|[Nn]on-?[Cc]ommercial|CC-BY-NC|NVIDIA")
_LONGEST = 120  # characters of a licence

INTRODUCTION = """# Licences

tsebench is under Apache-2.0. It ships none of the packages below: pip installs them, and each keeps its own licence.
This page lists what `constraints.txt` installs for the runtime and for each extra, and what the wheels hold besides.
`make licences` writes it, with the extras that are installed; nothing here is legal advice.

`make audit` asks the database of the Python Package Index for known weaknesses of these versions. Where it cannot reach
it, it says so and ends with exit code 2.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package of the list; `direct` if pyproject.toml names it."""

    name: str
    version: str
    licence: str
    direct: bool


def closure(requirements: Iterable[str]) -> dict[str, bool]:
    """Names of the packages that requirements install, with their own, and whether they are named themselves."""
    found: dict[str, bool] = {}
    waiting = [(Requirement(text), True) for text in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted, direct = waiting.pop(0)
        name = canonicalize_name(wanted.name)
        found[name] = found.get(name, False) or direct
        key = (name, frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        waiting += [(each, False) for each in _needed(name, wanted.extras)]
    return found


def _needed(name: str, extras: Iterable[str]) -> Iterator[Requirement]:
    try:
        texts = distribution(name).requires or []
    except PackageNotFoundError:
        return
    for each in map(Requirement, texts):
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield each


def known_licences() -> dict[str, tuple[str, str]]:
    """Version and licence by name of every installed package, from pip-licenses."""
    call = [sys.executable, "-m", "piplicenses", "--format=json", "--from=all", "--with-system"]
    listed = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    found = {canonicalize_name(each["Name"]): (each["Version"], _licence(each)) for each in listed}
    return {
        name: (version, _of_files(name) if licence == UNKNOWN else licence)
        for name, (version, licence) in found.items()
    }


def _licence(entry: Mapping[str, str]) -> str:
    """The licence of an entry: an SPDX expression if it has one, else what its classifiers or its metadata say."""
    for key in ("License-Expression", "License-Classifier", "License-Metadata"):
        text = entry.get(key, "").strip().partition("\n")[0]
        if text and text.upper() != "UNKNOWN":
            return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"
    return UNKNOWN


# Words of licence texts, the rarer ones first.
_TEXTS = {
    "GNU LESSER GENERAL PUBLIC": "LGPL",
    "GNU GENERAL PUBLIC": "GPL",
    "Mozilla Public License": "MPL",
    "Apache License": "Apache-2.0",
    "Permission is hereby granted, free of charge": "MIT",
    "Redistribution and use in source and binary forms": "BSD",
}


def _of_files(name: str) -> str:
    """Licence of a package by the words of its licence file; "unknown" without one."""
    for file in distribution(name).files or ():
        path = Path(str(file.locate()))
        if re.search(r"dist-info/.*(licen[cs]e|copying)", str(file), re.IGNORECASE) and path.is_file():
            text = " ".join(path.read_text(encoding="utf-8").split())
            if licence := next((licence for words, licence in _TEXTS.items() if words in text), ""):
                return f"{licence} (by its licence file)"
    return UNKNOWN


def packages(names: Mapping[str, bool], known: Mapping[str, tuple[str, str]]) -> list[Package]:
    """Packages sorted by name, those of pyproject.toml first; one that is not installed has no licence."""
    found = []
    for name, direct in names.items():
        version, licence = known.get(name, ("", NOT_INSTALLED))
        found.append(Package(name=name, version=version, licence=licence, direct=direct))
    return sorted(found, key=lambda package: (not package.direct, package.name))


def libraries(names: Iterable[str]) -> dict[tuple[str, str], str]:
    """Licences of the shared libraries in the wheels of packages, by package and name of the library."""
    found: dict[tuple[str, str], str] = {}
    for name in sorted(names):
        for file in _files(name):
            library = library_of(file)
            if library and (licence := licence_of(library, name)):
                found[name, library] = licence
    return found


def _files(name: str) -> list[str]:
    try:
        return [str(file) for file in distribution(name).files or ()]
    except PackageNotFoundError:
        return []


def page(project: Mapping[str, list[str]], known: Mapping[str, tuple[str, str]]) -> str:
    """The whole page.

    Args:
        project: requirements of the runtime (key "") and of each extra.
        known: of `known_licences`.
    """
    runtime = closure(project[""])
    parts = {"": packages(runtime, known)}
    for extra, texts in project.items():
        if extra:
            more = {name: direct for name, direct in closure(texts).items() if name not in runtime}
            parts[extra] = packages(more, known)
    every = {package.name for part in parts.values() for package in part}
    inside = libraries(every)
    blocks = [INTRODUCTION, *_restricted(parts, inside), "## Runtime\n", _table(parts[""])]
    for extra, part in parts.items():
        if extra:
            blocks += [f"## Extra `{extra}`\n\nWhat it adds to the runtime.\n", _table(part)]
    blocks += ["## Shared libraries inside of wheels\n", _library_table(inside)]
    return "\n".join(block.rstrip("\n") + "\n" for block in blocks)


def _restricted(parts: Mapping[str, Sequence[Package]], inside: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Table of what is copyleft, restricted or unknown, and that of models and data."""
    rows = [_inside_row(each) for each in INSIDE if _is_restricted(each.licence)]
    named = {each.package for each in INSIDE}
    for package in dict.fromkeys(package for part in parts.values() for package in part):
        unknown = package.licence in {UNKNOWN, NOT_INSTALLED}
        if unknown or (RESTRICTED.search(package.licence) and package.name not in named):
            means = "look at its own pages" if unknown else _means(package.licence)
            rows.append(["the package itself", package.name, package.licence, means])
    for (name, library), licence in inside.items():
        if licence == UNKNOWN:
            rows.append([f"library {library}", name, licence, "look at its own pages"])
    heads = ["part", "package", "licence", "what it means"]
    yield "## Copyleft, restricted or unknown\n"
    yield _lines(heads, rows)
    yield "## Models and data\n"
    yield _lines(heads, [_inside_row(each) for each in INSIDE if not _is_restricted(each.licence)])


def _inside_row(each: Inside) -> list[str]:
    gone = "" if _there(each.package, each.file) else "; not found in the installed version"
    return [each.what, each.package, each.licence, f"{each.means}{gone}"]


def _is_restricted(licence: str) -> bool:
    return licence == UNKNOWN or bool(RESTRICTED.search(licence))


def _there(package: str, file: str) -> bool:
    """Whether the file that shows a part is in the installed package; True for what is loaded later."""
    return not file or any(file in each for each in _files(package))


def _means(licence: str) -> str:
    if "MPL" in licence or "Mozilla" in licence:
        return "use is free; changed files of it are passed on under the same licence"
    if "LGPL" in licence:
        return "use is free; who passes it on lets receivers replace it"
    return "use is free; who passes it on does so under its licence"


def _table(part: Sequence[Package]) -> str:
    rows = [[package.name, package.version, package.licence, "yes" if package.direct else ""] for package in part]
    return _lines(["package", "version", "licence", "in pyproject.toml"], rows) if rows else "Nothing.\n"


def _library_table(inside: Mapping[tuple[str, str], str]) -> str:
    by_licence: dict[tuple[str, str], list[str]] = {}
    for (package, library), licence in inside.items():
        by_licence.setdefault((package, licence), []).append(library)
    rows = [[package, ", ".join(sorted(names)), licence] for (package, licence), names in sorted(by_licence.items())]
    return _lines(["package", "libraries", "licence"], rows)


def _lines(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def requirements() -> dict[str, list[str]]:
    """Requirements of pyproject.toml: of the runtime (key ""), and of each extra without other extras of tsebench."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {
        extra: [text for text in texts if canonicalize_name(Requirement(text).name) != "tsebench"]
        for extra, texts in project["optional-dependencies"].items()
    }
    return {"": project["dependencies"], **extras}


if __name__ == "__main__":
    PAGE.write_text(page(requirements(), known_licences()), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
