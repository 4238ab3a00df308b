"""Names from datasets and systems as text of LaTeX and of Markdown: no name is a command."""

from __future__ import annotations

import unicodedata

_TEX = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    "`": "\\textasciigrave{}",
    '"': "\\char34{}",
    "−": "\\textminus{}",
    "±": "\\textpm{}",
    "×": "\\texttimes{}",
    "·": "\\textperiodcentered{}",
    "°": "\\textdegree{}",
    "µ": "\\textmu{}",
    "μ": "\\textmu{}",
    "–": "--",
    "—": "---",
    "…": "\\dots{}",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "∞": "$\\infty$",
    "↑": "$\\uparrow$",
    "↓": "$\\downarrow$",
    "→": "$\\rightarrow$",
    "≥": "$\\geq$",
    "≤": "$\\leq$",
    "≈": "$\\approx$",
    "≠": "$\\neq$",
    "○": "$\\circ$",
    "†": "$\\dagger$",
    "‡": "$\\ddagger$",
    "⚠": "$\\triangle$",
    "✓": "$\\surd$",
    **{
        letter: f"$\\{name}$"
        for letter, name in zip(
            "αβγδεθλπρστφω",
            (
                *("alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "pi", "rho"),
                *("sigma", "tau", "phi", "omega"),
            ),
            strict=True,
        )
    },
    **{
        letter: f"$\\{name}$"
        for letter, name in zip("ΔΘΛΣΦΩ", ("Delta", "Theta", "Lambda", "Sigma", "Phi", "Omega"), strict=True)
    },
    **{letter: f"\\{letter}" for letter in "{}$&#%_"},
    # A line of a table that begins with one of these would be an argument of the line before.
    **{letter: f"{{{letter}}}" for letter in "[]*"},
}
_BREAKS = frozenset("_-/=:.,;|()+")  # a long name may be broken after one of these
_LATIN_END = "\u0180"


def tex(text: str, *, breakable: bool = False) -> str:
    """Text as LaTeX shows it, with any engine.

    A character that its fonts may lack is spelt in ASCII, or else named as "[U+4E2D]".

    Args:
        text: anything; white space and control characters become single spaces.
        breakable: a line may end within the text, after punctuation.
    """
    found: list[str] = []
    for character in _plain(text):
        # Two hyphens would be a dash, two quotes another quote.
        joined = "{}" if found and character in "-'" and found[-1].endswith(character) else ""
        found.append(joined + _tex_character(character))
        if breakable and character in _BREAKS:
            found.append("\\allowbreak{}")
    return "".join(found)


def markdown(text: str) -> str:
    """Text that cannot end a cell, open an HTML tag, or turn into emphasis, code or a link."""
    text = _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{mark}" if mark in "\\|_*`[]" else mark for mark in text)


def _plain(text: str) -> str:
    """The text in one line, without control characters and marks of direction."""
    spaced = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    kept = (c for c in spaced if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"})
    return " ".join("".join(kept).replace("\u00a0", "\x00").split()).replace("\x00", "\u00a0")


def _tex_character(character: str) -> str:
    if character in _TEX:
        return _TEX[character]
    if character.isascii() or (character < _LATIN_END and character.isalpha()):
        return character
    spelt = unicodedata.normalize("NFKD", character)
    letters = "".join(_TEX.get(c, c) for c in spelt if c.isascii())
    return letters or f"{{[}}U+{ord(character):04X}{{]}}"
