"""A MUSHRA test as configurations and audio of webMUSHRA (Schoeffler et al. 2018), and the columns of its results.

webMUSHRA adds the hidden reference to the conditions of a page itself, at the last place, and calls it "reference" in
its results. Only with `randomize` is it at other places; so webMUSHRA draws the order of the conditions, and the order
of the pages is that of the listener's configuration. The anchor is the same sound as on the page of tsebench.
"""

from __future__ import annotations

import base64
import io
import secrets
import wave
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...core.files import make_folder, write_atomic
from .listening_key import ListeningKey
from .orders import PageOrder

FOLDER = "webmushra"
COLUMNS: Mapping[str, str] = {"page": "trial_id", "stimulus": "rating_stimulus", "rating": "rating_score"}
"""Columns of webMUSHRA's `mushra.csv` by those of tsebench; `LISTENERS` names the listener."""
LISTENERS = ("listener", "session_uuid")
"""The question that a configuration asks at its end, or else webMUSHRA's own name of the session."""
HIDDEN = "reference"

_MOST_S, _MOST_CONDITIONS = 12.0, 12  # of a page that webMUSHRA takes for one of BS.1534, with `strict`
_WORDS = (
    "Listen to the reference and to all conditions, and rate how near each is to the reference, from 0 (bad) to 100 "
    "(excellent). One of the conditions is the reference itself: give it 100."
)


def write_web_mushra(
    out: Path,
    key: ListeningKey,
    *,
    orders: Sequence[Sequence[PageOrder]],
    sounds: Mapping[str, str],
    references: Mapping[str, str],
) -> list[Path]:
    """Write `webmushra/configs`, to be laid over the folder of webMUSHRA: a configuration for each listener, and audio.

    Args:
        orders: of pages, for each listener.
        sounds: wav files in base64 by id.
        references: id of the open reference by page.
    """
    test = f"tsebench_{secrets.token_hex(4)}"
    audio = Path("configs") / "resources" / test
    hidden = {name for page in key.pages.values() for name in page.stimuli if _is_reference(key, page.stimuli[name])}
    files = {name: base64.b64decode(text) for name, text in sounds.items() if name not in hidden}
    make_folder(out / FOLDER / audio)
    for name, content in files.items():
        write_atomic(out / FOLDER / audio / f"{name}.wav", content)
    places = {name: (audio / f"{name}.wav").as_posix() for name in files}
    width, written = len(str(len(orders))), []
    for number, order in enumerate(orders, 1):
        pages = [_page(key, each.page, place, places, references) for place, each in enumerate(order, 1)]
        for page in pages:
            page["strict"] = _seconds(files[references[page["id"]]]) <= _MOST_S and (
                len(page["stimuli"]) < _MOST_CONDITIONS
            )
        config = {**_head(test), "pages": [*_before(), *pages, _after(number, len(orders))]}
        written.append(out / FOLDER / "configs" / f"{test}_{number:0{width}d}.yaml")
        write_atomic(written[-1], yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return written


def _is_reference(key: ListeningKey, condition: str) -> bool:
    return key.conditions[condition] == "reference"


def _head(test: str) -> dict[str, Any]:
    return {
        "testname": "Listening test",
        "testId": test,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
    }


def _page(
    key: ListeningKey, name: str, place: int, places: Mapping[str, str], references: Mapping[str, str]
) -> dict[str, Any]:
    stimuli = {each: places[each] for each, c in key.pages[name].stimuli.items() if not _is_reference(key, c)}
    return {
        "type": "mushra",
        "id": name,
        "name": f"Page {place} of {len(key.pages)}",
        "content": _WORDS,
        "showWaveform": False,
        "enableLooping": True,
        "reference": places[references[name]],
        "createAnchor35": False,
        "createAnchor70": False,
        "randomize": True,
        "showConditionNames": False,
        "stimuli": dict(sorted(stimuli.items())),
    }


def _before() -> Iterator[dict[str, Any]]:
    words = f"{_WORDS} Use headphones in a quiet room. Set a comfortable volume now, and leave it as it is."
    yield {"type": "generic", "id": "before", "name": "Before you begin", "content": words}


def _after(number: int, listeners: int) -> dict[str, Any]:
    asked = {"type": "number", "label": "Your number", "name": LISTENERS[0], "min": 1, "max": listeners}
    return {
        "type": "finish",
        "name": "Thank you",
        "content": "Send your answers now.",
        "showResults": False,
        "writeResults": True,
        "questionnaire": [{**asked, "default": number}],
    }


def _seconds(content: bytes) -> float:
    with wave.open(io.BytesIO(content)) as file:
        return float(file.getnframes() / file.getframerate())
