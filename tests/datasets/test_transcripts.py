"""Texts of transcripts: no letter is lost or parted from its marks, and the marks of WSJ are those of WSJ."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsebench.datasets.transcripts import clean_text, without_wsj_marks


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("don’t  stop", "don’t stop"),
        ("les cafe\u0301s", "les caf\u00e9s"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("große Straße", "große Straße"),
        ("สวัสดี", "สวัสดี"),
        ("\ufeff\x00one\x1b\ttwo\u3000three\r\n", "one two three"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        (",COMMA [noise] <NOISE>", ",COMMA [noise] <NOISE>"),
        (" \n ", None),
        ("", None),
    ],
)
def test_texts_stay_as_they_were_written(given_text: str, wanted: str | None) -> None:
    assert clean_text(given_text) == wanted


@settings(deadline=None)
@given(st.text())
def test_letters_and_marks_stay_in_order(text: str) -> None:
    def letters(some: str) -> str:
        composed = unicodedata.normalize("NFC", some)
        return "".join(c for c in composed if unicodedata.category(c)[0] in "LMN")

    found = clean_text(text) or ""
    assert letters(found) == letters(text.replace("\ufeff", ""))
    assert (clean_text(found) or "") == found


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        (r"Yes \,COMMA he said \.PERIOD", "Yes he said"),
        (r'He said ,COMMA "DOUBLE-QUOTE no .PERIOD "END-QUOTE', "He said no"),
        (r"\(LEFT-PAREN or not \)RIGHT-PAREN --DASH ...ELLIPSIS", "or not"),
        (r"four \.POINT five %PERCENT", "four POINT five PERCENT"),
        (r"isn\'t I\. B\. M\.", "isn't I. B. M."),
        ("[loud_breath] new [<door_slam] cars [phone_ring/] sell [/phone_ring]", "new cars sell"),
        ("A <NOISE> B <spoken_noise> C <UNK>", "A B C"),
        ("he <in> was *improved* (mumble) here ((what)) ~", "he in was improved here"),
        ("a REVO(LUTIONARY)- idea . and on (4k0c0301)", "a REVO- idea and on"),
        ("the comma and the period, a slash", "the comma and the period, a slash"),
        ("'em  and 'til rock 'n' roll", "'em and 'til rock 'n' roll"),
        ("[noise] (mumble)", ""),
        ("", ""),
    ],
)
def test_marks_of_transcribers(marked: str, said: str) -> None:
    assert without_wsj_marks(marked) == said


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9'-]{0,8}[,.?!]?", fullmatch=True)))
def test_plain_text_stays(words: list[str]) -> None:
    assert without_wsj_marks(" ".join(words)) == " ".join(words)
