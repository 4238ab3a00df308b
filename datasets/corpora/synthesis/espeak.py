"""The espeak-ng speech synthesiser, bound with ctypes and made a pure function.

The library has static variables that no call of its interface resets: the phase of the pitch flutter, the cycle count
of the roughness and the gain control. An utterance would depend on all earlier ones. So each utterance loads the
library afresh, seeds its noise generator (by default with the time), and unloads it: this takes 1 ms, and the samples
depend on the arguments alone. One lock covers the whole, because the state belongs to the process.
"""

from __future__ import annotations

import _ctypes
import ctypes
import functools
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import CorpusError

Codes = NDArray[np.int16]

SAMPLE_RATE_HZ = 22050

# Constants of the C header speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS, _INITIALIZE_DONT_EXIT = 0x0001, 0x8000
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_RATE, _VOLUME, _PITCH = 1, 2, 3
_CURRENT = 1

# Of 200; the default of 100 clips the loudest voices.
_VOLUME_VALUE = 60


class _EventValue(ctypes.Union):
    _fields_ = (("name", ctypes.c_void_p), ("phoneme", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventValue),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """An American English voice.

    Attributes:
        variant: formants, breath and roughness, for example "f1", "m2" or "klatt4".
        pitch: 0..99; 50 is the variant's own, and 99 is about twice as high.
        rate: words per minute, 80..450.
    """

    variant: str
    pitch: int
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phoneme:
    """A phoneme by its name in espeak-ng ("'aI", "t", "_:" for a pause), and its first sample."""

    name: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """16-bit samples [T] of an utterance, and its phonemes in their order."""

    codes: Codes
    phonemes: tuple[Phoneme, ...]


def speak(text: str, *, voice: Voice, seed: int) -> Speech:
    """Say `text`: a pure function of its arguments, safe from several threads.

    Args:
        text: in lower case, because capitals may be spelled out.
        seed: of the noise in breath and fricatives, 1..2**31 - 1.

    Returns:
        Speech at `SAMPLE_RATE_HZ`, with the silence around it.
    """
    # Python delivers Ctrl-C to the main thread, and an exception inside a callback from C is lost: another thread
    # speaks, so that an interrupt ends the wait instead of a stretch of the audio.
    return _speaker(os.getpid()).submit(_speak, text, voice, seed).result()


@functools.lru_cache(maxsize=1)
def _speaker(_process: int) -> ThreadPoolExecutor:
    """The thread that speaks; a forked process starts its own."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="espeak")


def _speak(text: str, voice: Voice, seed: int) -> Speech:
    chunks: list[Codes] = []
    phonemes: list[Phoneme] = []

    def collect(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        phonemes.extend(_phonemes(events))
        return 0

    callback = _CALLBACK(collect)  # must live as long as the library may call it
    with _fresh_library() as library:
        _prepare(library, voice)
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        data = text.encode()
        failed = library.espeak_Synth(
            data, ctypes.c_size_t(len(data) + 1), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        library.espeak_Synchronize()
    if failed or not chunks:
        raise CorpusError(f"espeak-ng cannot say {text!r} with voice {voice} (status {failed})")
    return Speech(codes=np.concatenate(chunks), phonemes=tuple(phonemes))


def _phonemes(events: Any) -> Iterator[Phoneme]:
    """The phonemes in a list of events that ends with a terminator; the library owns it."""
    place = 0
    while events and events[place].type != _EVENT_LIST_TERMINATED:
        if events[place].type == _EVENT_PHONEME:
            yield Phoneme(name=events[place].id.phoneme.decode(), start=events[place].sample)
        place += 1


@functools.cache
def library_version() -> str:
    """The version of the library, for example "1.52.0"; CorpusError if the library cannot be loaded."""
    with _fresh_library() as library:
        library.espeak_Info.restype = ctypes.c_char_p
        return str(library.espeak_Info(None).decode())


def _prepare(library: ctypes.CDLL, voice: Voice) -> None:
    """Start the library and choose the voice."""
    data_path = str(_loader().get_data_path())
    library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path.encode(), _INITIALIZE_DONT_EXIT | _INITIALIZE_PHONEME_EVENTS
    )
    name = f"en-us+{voice.variant}"
    if library.espeak_SetVoiceByName(name.encode()):
        raise CorpusError(
            f"espeak-ng has no voice {name!r} in its data folder {data_path!r} ({len(data_path.encode())} bytes long; "
            "159 are allowed); reinstall espeakng-loader, in an environment with a shorter path if need be"
        )
    settings = ((_VOLUME, _VOLUME_VALUE), (_RATE, voice.rate), (_PITCH, voice.pitch))
    for parameter, value in settings:
        library.espeak_SetParameter(parameter, value, 0)


@contextmanager
def _fresh_library() -> Iterator[ctypes.CDLL]:
    """The library with all its static variables as in its file; unloaded at the end."""
    with _LOCK:
        library = _load()
        try:
            # Zero in a library just loaded; any synthesis before has left a rate there.
            if library.espeak_GetParameter(_RATE, _CURRENT):
                raise CorpusError(
                    f"another package of this process keeps {library._name!r} loaded, so that its "
                    "speech is not repeatable; use synthetic_speech in a process without it"
                )
            yield library
        finally:
            library.espeak_Terminate()
            _unload(library)


def _load() -> ctypes.CDLL:
    path = str(_loader().get_library_path())
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise CorpusError(
            f"cannot load the speech synthesiser {path!r}: {error}; reinstall it with "
            "'pip install --force-reinstall espeakng-loader' (wheels exist for Linux, macOS and "
            "Windows on common processors; elsewhere use another corpus)"
        ) from None


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)


def _loader() -> Any:
    """The package that brings the library and its data."""
    try:
        return importlib.import_module("espeakng_loader")
    except ImportError:
        raise CorpusError(
            "corpus synthetic_speech needs the speech synthesiser espeak-ng: run 'pip install espeakng-loader'"
        ) from None
