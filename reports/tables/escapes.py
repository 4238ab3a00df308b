"""Escapers, one for each output language: LaTeX, Markdown, XML, JSON inside of HTML, and cells of CSV.

HTML itself is escaped by the templates of `site`. None lets a control character or a mark of direction through.
"""

from __future__ import annotations

import re
import unicodedata

from ...core.text import json_visible, visible

_TEXT = (
    "~^<>|`−±×·°µμ",
    "asciitilde asciicircum less greater bar asciigrave minus pm times periodcentered degree mu mu",
)
_MATH = ("∞↑↓→≥≤≈≠○†‡⚠✓", "infty uparrow downarrow rightarrow geq leq approx neq circ dagger ddagger triangle surd")
_GREEK = (
    "αβγδεθλπρστφωΔΘΛΣΦΩ",
    "alpha beta gamma delta epsilon theta lambda pi rho sigma tau phi omega Delta Theta Lambda Sigma Phi Omega",
)
_TEX = {
    "\\": "\\textbackslash{}",
    '"': "\\char34{}",
    "–": "--",
    "—": "---",
    "…": "\\dots{}",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    **{letter: f"\\text{name}{{}}" for letter, name in zip(_TEXT[0], _TEXT[1].split(), strict=True)},
    **{
        letter: f"$\\{name}$"
        for letters, names in (_MATH, _GREEK)
        for letter, name in zip(letters, names.split(), strict=True)
    },
    **{letter: f"\\{letter}" for letter in "{}$&#%_"},
    # A line of a table that begins with one of these would be an argument of the line before.
    **{letter: f"{{{letter}}}" for letter in "[]*"},
}
_BREAKS = frozenset("_-/=:.,;|()+")  # a long name may be broken after one of these
_LATIN_END = "\u0180"
_MARKDOWN_MARKS = re.compile(r"[\\|_*`\[\]~$]|:(?=//)|(?<=www)\.|@", re.IGNORECASE)
_MARKDOWN_BLOCK = re.compile(r"^(\d{0,9})([-+=#.)])(?=[-+=#\s]|$)")
_FORMULA = re.compile(r"'*[=+\-@\t\n\r＝＋－＠]")
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def tex(text: str, *, breakable: bool = False) -> str:
    """Text as LaTeX shows it, with any engine.

    A character that its fonts may lack is spelt in ASCII, or else named as "[U+4E2D]"; white space and control
    characters become single spaces. A line may end after the punctuation of a `breakable` text.
    """
    found: list[str] = []
    for character in _plain(text):
        # Two hyphens would be a dash, two quotes another quote.
        joined = "{}" if found and character in "-'" and found[-1].endswith(character) else ""
        found.append(joined + _tex_character(character))
        if breakable and character in _BREAKS:
            found.append("\\allowbreak{}")
    return "".join(found)


def markdown(text: str, *, inline: bool = False) -> str:
    """Text as GitHub-flavoured Markdown shows it, in one line.

    It holds no HTML, emphasis, code, formula, link (autolinks included) or end of a table's cell, and starts no
    heading, list or rule at the beginning of a line. White space and control characters become single spaces.

    Args:
        inline: the text stands in a table's cell or after other text, so `+`, `-`, `#` or `1.` start no block.
    """
    text = _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKDOWN_MARKS.sub(r"\\\g<0>", text)
    return text if inline else _MARKDOWN_BLOCK.sub(r"\g<1>\\\g<2>", text)


def markdown_code(text: str, *, in_table: bool = False) -> str:
    """Text as a code span of Markdown; a backtick becomes an apostrophe. In a table, `|` ends a cell in code, too."""
    text = _plain(text).replace("`", "'")
    text = text.replace("|", "\\|") if in_table else text
    return f"`{text}`" if text else ""


def xml(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold, escaped or not, and without hidden ones."""
    return _NO_XML.sub("\ufffd", visible(text))


def csv_cell(value: object) -> object:
    """A cell of CSV that no spreadsheet takes for a formula: such a text gets an apostrophe before it.

    Numbers stay as they are, also as text (`-5`). `csv_original` gives the text back.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def csv_original(text: str) -> str:
    """The text of a cell that `csv_cell` wrote."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def json_in_html(text: str) -> str:
    """JSON that stands in a page and cannot end the element that holds it; hidden characters are escapes."""
    text = json_visible(text)
    for mark, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, escape)
    return text


def _plain(text: str) -> str:
    """The text in one line, without control characters and marks of direction."""
    spaced = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    visible = (c for c in spaced if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"})
    return " ".join("".join(visible).replace("\u00a0", "\x00").split()).replace("\x00", "\u00a0")


def _tex_character(character: str) -> str:
    if character in _TEX:
        return _TEX[character]
    if character.isascii() or (character < _LATIN_END and character.isalpha()):
        return character
    spelt = unicodedata.normalize("NFKD", character)
    letters = "".join(_TEX.get(c, c) for c in spelt if c.isascii())
    return letters or f"{{[}}U+{ord(character):04X}{{]}}"
