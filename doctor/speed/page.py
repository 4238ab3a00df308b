"""The page of speeds: Markdown tables, the description of the machine, and sections that replace older ones."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ...core.errors import OutputError
from ...core.files import make_folder, write_atomic

_PACKAGES = ("torch", "numpy", "scipy", "pandas", "pyarrow", "pystoi", "mir_eval", "pesq", "openai-whisper")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables of the environment that limit the threads of linear algebra."""
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""With it Python compiles all modules at every start, which no user waits for."""


def head() -> str:
    """Head of the page, above the sections; a section measured on another machine names it."""
    return f"# Benchmarks\n\nWritten by `tsebench bench --out FILE`.\n\nMachine: {machine()}."


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, rule, *rows))


def machine() -> str:
    """The processor, the GPU, and versions of what is compared."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    gpu = [name] if (name := _gpu()) else []
    parts = [_processor(), f"{os.cpu_count()} cores", *gpu]
    return f"{', '.join(parts)}; Python {platform.python_version()}, {', '.join(found)}"


def load() -> str:
    """How busy the machine is; else the tables cannot be read."""
    return f"At a load average of {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."


def user_environment() -> dict[str, str]:
    """The environment of a command as a user starts it: without limits on threads, and compiled modules are kept."""
    return {name: value for name, value in os.environ.items() if name not in {*THREADS, _NO_BYTECODE}}


def missing(package: str, distribution: str = "") -> str:
    """A line on a package that is compared with and is not installed; "" if it is."""
    if find_spec(package) is not None:
        return ""
    return f"Not compared with {package}, which is not installed: `pip install {distribution or package}`."


def put_sections(page: Path, sections: Sequence[str], *, top: str = "") -> None:
    """Put sections into a page, in the place of those with their headings, or at the end; make it if there is none.

    Args:
        page: the Markdown file.
        sections: each begins with a heading `## ...`.
        top: what comes before the sections; "" leaves it, or gives a new page `head()`.

    Raises:
        OutputError: the page cannot be read or written.
    """
    try:
        known = page.read_text(encoding="utf-8") if page.exists() else head()
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read {str(page)!r}: {error}; choose another --out") from None
    parts = re.split(r"\n(?=## )", known)
    parts[0] = top or parts[0]
    for text in sections:
        heading = text.partition("\n")[0]
        places = [n for n, old in enumerate(parts) if old.partition("\n")[0] == heading]
        place = slice(places[0], places[0] + 1) if places else slice(len(parts), None)
        parts[place] = [text]
    make_folder(page.absolute().parent)
    write_atomic(page, ("\n\n".join(part.strip() for part in parts) + "\n").encode())


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(models, platform.processor() or platform.machine())


def _gpu() -> str:
    import torch  # noqa: PLC0415 - the page alone needs no network

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
