"""Utterances that the package `pesq` finds in a reference, counted by the package itself before it scores.

Its table holds 50 utterances and is not checked: with more it writes over its own variables, gives wrong values, and
crashes from about 60 on. PESQ is not rebuilt here: the compiled module of the package exports the functions of its
front end, and these are called with a table that has room for all. Where they cannot be called (another version, a
platform that hides them), the duration bounds the count: an utterance and the pause after it last 0.388 s or more.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.packages import installed_version

Samples = NDArray[np.float32]

MAX_UTTERANCES = 50
SAFE_S = 19.0
"""Shorter references cannot hold 51 utterances: 50 · 97 + 50 frames of 4 ms, less 0.6 s around the signal."""

_KNOWN_VERSION = "0.0.4"  # whose structures are below
_UNTOUCHED = -(2**31)
_WHOLE_SIGNAL = -1
_IRS_POINTS = 26
_LEAST_PERIOD_S = 0.388
_FUNCTIONS = (
    *("select_rate", "load_src", "alloc_other", "apply_filter", "IIRFilt", "input_filter", "calc_VAD", "crude_align"),
    *("id_searchwindows", "safe_free", "FFTFree"),
)


class _Signal(ctypes.Structure):
    """One signal of the package."""

    _fields_ = (
        ("path_name", ctypes.c_char * 512),
        ("file_name", ctypes.c_char * 128),
        ("n_samples", ctypes.c_long),
        ("apply_swap", ctypes.c_long),
        ("input_filter", ctypes.c_long),
        ("data", ctypes.c_void_p),
        ("vad", ctypes.c_void_p),
        ("log_vad", ctypes.c_void_p),
    )


class _Table(ctypes.Structure):
    """The table of utterances of the package, up to where its first two columns may run over."""

    _fields_ = (
        ("n_utterances", ctypes.c_long),
        ("largest", ctypes.c_long),
        ("n_surface", ctypes.c_long),
        ("crude_delay", ctypes.c_long),
        ("crude_confidence", ctypes.c_float),
        ("search_start", ctypes.c_long * MAX_UTTERANCES),
        ("search_end", ctypes.c_long * MAX_UTTERANCES),
        ("beyond", ctypes.c_long * 1),  # the next column: written to by the 51st utterance
    )


def too_many_utterances(*, estimate: Samples, reference: Samples, sample_rate_hz: int, wide_band: bool) -> str:
    """Why the package must not score these signals [T] at 8 or 16 kHz, or "" if it may.

    A burst that is too short for an utterance counts too if it comes after the fiftieth, because it is written down
    all the same.
    """
    duration_s = len(reference) / sample_rate_hz
    if duration_s < SAFE_S:
        return ""
    module = _module()
    if module is None:
        most = int((duration_s + 0.6) / _LEAST_PERIOD_S) + 1
        return f"up to {most} in {duration_s:.0f} s, which cannot be counted here, and pesq holds {MAX_UTTERANCES}"
    found, overrun = _count(module, (reference, estimate), sample_rate_hz, wide_band)
    return f"{max(found, MAX_UTTERANCES + 1)}, and pesq holds {MAX_UTTERANCES}" if overrun else ""


@cache
def _module() -> ctypes.PyDLL | None:
    """The compiled module of the package, or None where its functions cannot be called."""
    if installed_version("pesq") != _KNOWN_VERSION:
        return None
    try:
        module = ctypes.PyDLL(str(import_module("pesq.cypesq").__file__))
    except (ImportError, OSError):
        return None
    return module if all(hasattr(module, name) for name in _FUNCTIONS) else None


def _count(module: ctypes.PyDLL, signals: Sequence[Samples], rate_hz: int, wide_band: bool) -> tuple[int, bool]:
    """Utterances, and whether more was written down than the table holds."""
    spare = 16 + max(len(signal) for signal in signals) // rate_hz * 4
    memory = (ctypes.c_char * (ctypes.sizeof(_Table) + 8 * spare))()
    table = _Table.from_buffer(memory)
    table.beyond[0] = _UNTOUCHED
    with _loaded(module, signals, rate_hz, wide_band) as (reference, estimate, scratch):
        module.input_filter(reference, estimate, scratch)
        module.calc_VAD(reference)
        module.calc_VAD(estimate)
        module.crude_align(reference, estimate, memory, ctypes.c_long(_WHOLE_SIGNAL), scratch)
        module.id_searchwindows(reference, estimate, memory)
    return int(table.n_utterances), bool(table.beyond[0] != _UNTOUCHED)


@contextmanager
def _loaded(
    module: ctypes.PyDLL, signals: Sequence[Samples], rate_hz: int, wide_band: bool
) -> Iterator[tuple[Any, Any, ctypes.c_void_p]]:
    """References to reference and estimate in the memory of the package, filtered, and scratch memory."""
    flag, kind, scratch = ctypes.c_long(0), ctypes.c_char_p(), ctypes.c_void_p()
    module.select_rate(ctypes.c_long(rate_hz), ctypes.byref(flag), ctypes.byref(kind))
    infos = [_Signal(input_filter=2 if wide_band else 1) for _ in signals]
    try:
        for info, signal in zip(infos, signals, strict=True):
            samples = np.ascontiguousarray(_scaled(signal, signals, wide_band), np.float32)
            info.n_samples, info.data = len(samples), samples.ctypes.data
            module.load_src(ctypes.byref(flag), ctypes.byref(kind), ctypes.byref(info))
            _filter(module, info, len(samples), wide_band)
        reference, estimate = (ctypes.byref(info) for info in infos)
        module.alloc_other(reference, estimate, ctypes.byref(flag), ctypes.byref(kind), ctypes.byref(scratch))
        yield reference, estimate, scratch
    finally:
        for pointer in (scratch.value, *(p for info in infos for p in (info.data, info.vad, info.log_vad))):
            if pointer:
                module.safe_free(ctypes.c_void_p(pointer))
        module.FFTFree()


def _scaled(signal: Samples, signals: Sequence[Samples], wide_band: bool) -> NDArray[np.float64]:
    """At the level that the package is given; wide band with its fades of 15 samples."""
    peak = max(float(np.abs(each).max()) for each in signals)
    scaled = signal.astype(np.float64) * (32767.0 / peak if peak else 1.0)
    if wide_band:
        fade = np.arange(1, 16) / 16
        scaled[:15] *= fade
        scaled[-15:] *= fade[::-1]
    return scaled


def _filter(module: ctypes.PyDLL, info: _Signal, frames: int, wide_band: bool) -> None:
    """The input filter of the mode, by the package."""
    if not wide_band:
        table = (ctypes.c_double * (2 * _IRS_POINTS)).in_dll(module, "standard_IRS_filter_dB")
        module.apply_filter(ctypes.c_void_p(info.data), ctypes.c_long(info.n_samples), _IRS_POINTS, table)
        return
    padding = (int(info.n_samples) - frames) // 2
    start = ctypes.c_void_p(int(info.data or 0) + 4 * padding)
    sections = ctypes.c_long.in_dll(module, "WB_InIIR_Nsos_16k")
    taps = (ctypes.c_float * 5).in_dll(module, "WB_InIIR_Hsos_16k")
    module.IIRFilt(taps, sections, None, start, ctypes.c_ulong(frames), None)
