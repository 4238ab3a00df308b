"""Energy that the processor or the GPU takes, where the machine counts it.

Linux counts the energy of each processor package (RAPL, files below /sys/class/powercap that often root alone can
read), and NVIDIA's driver that of each GPU (NVML, through the package pynvml). Both count all that the package or the
GPU does, other programs and idling included.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")
_UNREADABLE = (OSError, ValueError)  # no permission or no longer there; another text than a number


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """A counter of energy.

    Attributes:
        name: source, for a note.
        joules: reads it; OSError or ValueError if it cannot be read.
        wraps_at: value at which it begins again from 0, in J; None: never.
    """

    name: str
    joules: Callable[[], float]
    wraps_at: float | None = None


class EnergyMeter:
    """Energy of all counters together, from the meter's construction on.

    Args:
        counters: at least one.
    """

    def __init__(self, counters: Sequence[EnergyCounter]) -> None:
        self._counters = tuple(counters)
        self._start = [counter.joules() for counter in counters]

    @property
    def source(self) -> str:
        """Names of the counters."""
        return ", ".join(counter.name for counter in self._counters)

    def joules(self) -> float | None:
        """Energy so far; None if a counter cannot be read any more. A counter may have begun again once."""
        total = 0.0
        for counter, start in zip(self._counters, self._start, strict=True):
            try:
                used = counter.joules() - start
            except _UNREADABLE:
                return None
            total += used if used >= 0 else used + (counter.wraps_at or 0.0)
        return total if total > 0 else None


def open_meter(device: str, *, powercap: Path = POWERCAP) -> EnergyMeter | None:
    """A meter of the device that begins now: of its GPU ("cuda"), else of all processor packages; None without one."""
    try:
        counters = _nvml(device) if device.startswith("cuda") else _rapl(powercap)
        return EnergyMeter(counters) if counters else None
    except _UNREADABLE:
        return None


def _rapl(powercap: Path) -> list[EnergyCounter]:
    """The processor packages; domains within one (cores, memory) and the whole platform (psys) would count twice."""
    found: list[EnergyCounter] = []
    for folder in sorted(powercap.glob("intel-rapl:*")):
        name = (folder / "name").read_text(encoding="ascii").strip()
        if folder.name.count(":") == 1 and name.startswith("package"):
            most = float((folder / "max_energy_range_uj").read_text(encoding="ascii"))
            found.append(EnergyCounter(name=f"RAPL {name}", joules=_reader(folder / "energy_uj"), wraps_at=most / 1e6))
    return found


def _reader(path: Path) -> Callable[[], float]:
    return lambda: float(path.read_text(encoding="ascii")) / 1e6


def _nvml(device: str) -> list[EnergyCounter]:
    """The GPU of a torch device, by its UUID: NVML and CUDA number devices differently."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return []
    # Old releases of torch and of pynvml lack one of them.
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    read = getattr(nvml, "nvmlDeviceGetTotalEnergyConsumption", None)
    if uuid is None or read is None:
        return []

    def joules() -> float:
        try:
            return float(read(handle)) / 1000.0
        except nvml.NVMLError as error:  # a GPU that does not count it
            raise OSError(f"NVML: {error}") from None

    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except nvml.NVMLError:  # no driver, no permission, a part of a GPU
        return []
    return [EnergyCounter(name="NVML", joules=joules)]
