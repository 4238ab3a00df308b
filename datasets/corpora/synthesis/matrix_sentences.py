"""Matrix sentences: six slots of ten words each, one million sentences of one shape.

Every sentence is as likely as every other and no word predicts the next, so a recogniser cannot guess: the same idea as
the matrix tests of audiology (Hagerman 1982). The words are in the CMU pronouncing dictionary and were chosen so that
no two of a slot sound alike.
"""

from __future__ import annotations

_SLOTS = {
    "name": "ALICE DAVID EMMA GEORGE JULIA MARTIN OSCAR ROBERT SARAH VICTOR",
    "verb": "BOUGHT CARRIED DELIVERED FOUND HIDES KEEPS PAINTED RETURNED SELLS WANTS",
    "number": "TWO THREE FOUR SIX SEVEN NINE TEN FIFTEEN TWENTY THIRTY",
    "adjective": "BROKEN CHEAP GIANT HEAVY LITTLE MODERN OLD PRETTY SHINY WET",
    "colour": "BLACK BROWN GOLDEN GREEN ORANGE PURPLE RED SILVER WHITE YELLOW",
    "noun": "BASKETS BICYCLES CANDLES FLOWERS GUITARS HAMMERS LADDERS PENCILS TABLES WINDOWS",
}
SLOTS = tuple((slot, tuple(text.split())) for slot, text in _SLOTS.items())


def sentence(draw: bytes) -> str:
    """The sentence that random bytes (four or more for each slot) choose, upper case without punctuation."""
    numbers = (int.from_bytes(draw[4 * k : 4 * k + 4], "big") for k in range(len(SLOTS)))
    return " ".join(words[number % len(words)] for number, (_, words) in zip(numbers, SLOTS, strict=True))


def jsgf(*, several: bool = False) -> str:
    """The grammar of all sentences in the Java Speech Grammar Format, lower case.

    Args:
        several: one sentence or more, one after the other.
    """
    rules = [f"<{slot}> = {' | '.join(words).lower()};" for slot, words in SLOTS]
    shape = " ".join(f"<{slot}>" for slot, _ in SLOTS)
    shape = f"( {shape} )+" if several else shape
    return "\n".join(["#JSGF V1.0;", "grammar matrix_sentences;", *rules, f"public <sentence> = {shape};", ""])
