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


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """A counter of energy.

    Attributes:
        name: source, for a note.
        joules: reads it.
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
            except (OSError, ValueError, RuntimeError):
                return None
            total += used if used >= 0 else used + (counter.wraps_at or 0.0)
        return total if total > 0 else None


def open_meter(device: str, *, powercap: Path = POWERCAP) -> EnergyMeter | None:
    """A meter of the device that begins now: of its GPU ("cuda"), else of all processor packages; None without one."""
    try:
        counters = [_nvml(device)] if device.startswith("cuda") else _rapl(powercap)
        return EnergyMeter(counters) if counters else None
    except Exception:  # noqa: BLE001 - no driver, no permission, another layout: it is not measured
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


def _nvml(device: str) -> EnergyCounter:
    """The GPU of a torch device, by its UUID: NVML and CUDA number devices differently."""
    nvml: Any = importlib.import_module("pynvml")
    nvml.nvmlInit()
    uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
    return EnergyCounter(name="NVML", joules=lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000.0)
