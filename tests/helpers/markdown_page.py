"""Parse Markdown as GitHub does, to compare the structure of pages."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

HOSTILE = (
    "[x](http://a.example)",
    "![x](//a.example/i.png) <https://a.example>",
    "**bold** _em_ *em* ~~struck~~ `code` $x^2$",
    "a|b \\| c \\",
    "<b>tag</b> <!-- &lt;",
    "two\n\n# lines\n| a | b |",
    "# heading",
    "1. item",
    "---",
)
"""Names that would be links, pictures, emphasis, code, cells, tags, headings, lists and rules."""


def tokens(text: str) -> Iterator[Token]:
    """Blocks and what is in them, in order."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


def structure(text: str) -> list[str]:
    """Types of all elements but plain text."""
    return [t.type for t in tokens(text) if t.type not in {"text", "text_special"}]


def plain_text(text: str) -> str:
    """Text that a reader sees, code included."""
    return "".join(t.content for t in tokens(text) if t.type in {"text", "text_special", "code_inline"})
