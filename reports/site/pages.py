"""Rendering of pages: names that are safe as files, the templates, the policy for browsers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ...bench.run.system_facts import plain
from ...core.files import make_folder, write_atomic
from ...core.text import shown, visible
from ..leaderboard import wording as text
from ..leaderboard.doubts import doubt
from ..leaderboard.reference_gaps import caution
from .charts.axes import frequency_ticks, time_ticks
from .charts.conditions import legend
from .glossary import condition
from .kept_templates import KeptTemplates

_TEMPLATES = Path(__file__).with_name("templates")
_UNSAFE = re.compile(r"[^a-z0-9_.-]+")
_LONGEST = 48
_DIGITS = 8


def file_name(*parts: str) -> str:
    """A readable and unique file name for the parts, without any path.

    A name that is not plain lower-case text gets a hash, so that two names never share a file on any file system.
    """
    whole = "/".join(parts)
    readable = _UNSAFE.sub("-", whole.lower()).strip(".-")[:_LONGEST]
    if readable == whole:
        return readable
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]
    return f"{readable}-{digest}" if readable else digest


def system_page(system: str) -> str:
    """Path of a system's page in the report's folder."""
    return f"systems/{file_name(system)}.html"


def trial_page(dataset: str, trial_id: str) -> str:
    """Path of a trial's page in the report's folder."""
    return f"trials/{file_name(dataset, trial_id)}.html"


def render_page(template: str, *, scripts: tuple[str, ...], **values: Any) -> str:
    """A whole page; every name is escaped, and only the page's own scripts (of `templates`) may run."""
    code = "\n".join(_source(name) for name in scripts)
    return _environment().get_template(template).render(code=code, policy=_policy(code), **values)


def ready_templates() -> None:
    """Compile the templates of a report's pages before there is anything to show; they are kept for later reports."""
    for name in ("base", "macros", "report", "system", "trial"):
        _environment().get_template(f"{name}.html.j2")


def breakable(name: str) -> Markup:
    """A name, escaped, whose lines may break behind an underscore."""
    return escape(name).replace("_", Markup("_<wbr>"))


def with_code(sentence: str) -> Markup:
    """A sentence, escaped, with what stands between two backticks as code; a single backtick stays one."""
    parts = escape(sentence).split("`")
    if len(parts) % 2 == 0:
        return Markup("`").join(parts)
    return Markup("").join(Markup("<code>{}</code>").format(part) if k % 2 else part for k, part in enumerate(parts))


def write_page(out: Path, name: str, page: str) -> Path:
    """Write a page into the report's folder."""
    path = out / name
    make_folder(path.parent)
    write_atomic(path, page, flush=False)
    return path


def _policy(code: str) -> str:
    """Content security policy: no network, one script by its hash, audio and pictures of the report."""
    digest = base64.b64encode(hashlib.sha256(f"\n{code}\n".encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src 'self' data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    )


@cache
def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


def _json(value: object, **_: object) -> str:
    return json.dumps(shown(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _visible(value: object) -> object:
    """A value of a page with its hidden characters as escapes; markup stays markup."""
    if isinstance(value, Markup):
        return Markup(visible(str(value)))  # noqa: S704 - it was markup
    return visible(value) if isinstance(value, str) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        # Without optimisation no filter is applied before the page is made: compiled templates know no other code.
        optimized=False,
        bytecode_cache=KeptTemplates(),
    )
    # The filter `tojson` escapes <, > and &, so that no text can end the script tag.
    environment.policies["json.dumps_function"] = _json
    environment.globals.update(text=text, doubt=doubt, caution=caution, plain=plain, legend=legend)
    environment.globals.update(system_page=system_page, trial_page=trial_page)
    environment.globals.update(time_ticks=time_ticks, frequency_ticks=frequency_ticks)
    environment.filters.update(breakable=breakable, condition=condition, with_code=with_code)
    return environment
