"""Pages of the commands, generated from the command line itself: every option with its default and its help."""

from __future__ import annotations

import re
from typing import Any

import typer

from tsebench.cli.commands import load_commands
from tsebench.cli.main import app

_NOTES = re.compile(r"\s*\[([^\[\]]*)\]$")
_TYPE = re.compile(r" <[^<>]*>$")
_HELP = re.compile(r"`tsebench (\w+) --help`")
_EXAMPLE = re.compile(r"\n\x08\nExamples:\n(.*?)(?:\n\n|\Z)", re.DOTALL)


def command_pages() -> dict[str, str]:
    """Markdown of the pages, by path in the site: an overview, and one page for each command."""
    group = typer.main.get_command(app)
    top = _context(group, "tsebench")
    names = [command.name for command in load_commands()]
    pages = {f"commands/{name}.md": _page(_subcommand(group, name), name, top) for name in names}
    return {"commands/index.md": _overview(), **pages}


def link_to_commands(markdown: str) -> str:
    """Text in which `tsebench NAME --help` leads to the page of the command."""
    known = {command.name for command in load_commands()}
    return _HELP.sub(lambda m: f"[{m[0]}](commands/{m[1]}.md)" if m[1] in known else m[0], markdown)


def _overview() -> str:
    rows = [f"| [`tsebench {each.name}`]({each.name}.md) | {_cell(each.summary)} |" for each in load_commands()]
    return "\n".join(
        [
            "# Commands",
            "",
            "This section is generated from the command line; `tsebench COMMAND --help` prints the same.",
            "",
            "| command | what it does |",
            "| --- | --- |",
            *rows,
            "",
            "Exit codes of all commands:",
            "",
            "| code | meaning |",
            "| --- | --- |",
            "| 0 | done |",
            "| 1 | `compare` found a regression |",
            "| 2 | wrong use or bad input: one line on standard error, and nothing is lost |",
            "| 3 | incomplete: some trials failed or are missing; the report says which and why |",
            "| 130 | interrupted; the same command goes on |",
            "",
        ]
    )


def _page(command: Any, name: str, top: Any) -> str:
    """Usage, arguments, options and examples of one command."""
    context = _context(command, name, top)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"# tsebench {name}", _text(command.help or ""), f"```text\n{usage}\n```"]
    for kind, title in (("argument", "Arguments"), ("option", "Options")):
        records = [p.get_help_record(context) for p in command.get_params(context) if p.param_type_name == kind]
        parts.append(_table(title, [record for record in records if record]))
    parts.append(_examples(command.epilog or ""))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(title: str, records: list[tuple[str, str]]) -> str:
    """Table of the parameters: names, default, help."""
    if not records:
        return ""
    rows = []
    for names, text in records:
        code = "<br>".join(f"`{_cell(each)}`" for each in _TYPE.sub("", names).split(" / "))
        default, meaning = _default(text)
        rows.append(f"| {code} | {_cell(default)} | {_cell(meaning)} |")
    return "\n".join([f"## {title}", "", "| name | default | meaning |", "| --- | --- | --- |", *rows])


def _default(help_text: str) -> tuple[str, str]:
    """Default of a parameter ("required" if it has none and needs a value), and the rest of its help."""
    default, rest = "", help_text
    while found := _NOTES.search(rest):
        rest = rest[: found.start()]
        for note in found[1].split("; "):
            if note.startswith("default: "):
                default = note.removeprefix("default: ")
            elif note == "required":
                default = note
            else:
                rest = f"{rest.rstrip('.')} ({note.replace('x>=', 'at least ')})."
    return default, rest


def _examples(epilog: str) -> str:
    """Examples as a code block, and what the epilog says besides."""
    found = _EXAMPLE.search(epilog)
    lines = [line[2:] for line in found[1].splitlines()] if found else []
    block = "\n".join(["## Examples", "", "```sh", *lines, "```"]) if lines else ""
    return "\n\n".join(part for part in (block, _text(_EXAMPLE.sub("\n", epilog))) if part)


def _text(help_text: str) -> str:
    """Help text as Markdown; lines that the terminal keeps as they are become paragraphs."""
    return help_text.replace("\x08\n", "").replace("<", "\\<").strip()


def _cell(text: str) -> str:
    """Text of a table's cell."""
    return text.replace("|", "\\|")


def _subcommand(group: Any, name: str) -> Any:
    return group.commands[name]


def _context(command: Any, name: str, parent: Any = None) -> Any:
    return command.context_class(command, info_name=name, parent=parent)
