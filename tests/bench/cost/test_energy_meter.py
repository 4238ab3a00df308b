"""Energy by counters of a made-up machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tsebench.bench.cost import energy_meter
from tsebench.bench.cost import passes as cost_passes
from tsebench.bench.cost.energy_meter import EnergyMeter, open_meter
from tsebench.bench.cost.measure import measure_cost
from tsebench.systems.registry import load_system


def domain(root: Path, name: str, called: str, microjoules: int, most: int = 1_000_000_000) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{called}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder / "energy_uj"


def test_packages_add_up_and_their_parts_do_not_count(tmp_path: Path) -> None:
    first = domain(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    second = domain(tmp_path, "intel-rapl:1", "package-1", 999_000_000)
    inner = domain(tmp_path, "intel-rapl:0:0", "core", 0)
    whole = domain(tmp_path, "intel-rapl:2", "psys", 0)
    meter = open_meter("cpu", powercap=tmp_path)
    assert meter is not None
    assert meter.source == "RAPL package-0, RAPL package-1"
    first.write_text("8000000")
    second.write_text("1500000")  # began again at 1000 J
    inner.write_text("77000000")
    whole.write_text("77000000")
    assert meter.joules() == pytest.approx(3.0 + 2.5)
    first.write_text("none\n")
    assert meter.joules() is None
    first.unlink()
    assert meter.joules() is None


def test_without_a_readable_counter_there_is_no_meter(tmp_path: Path) -> None:
    assert open_meter("cpu", powercap=tmp_path / "none") is None
    domain(tmp_path, "intel-rapl:0", "package-0", 1).unlink()
    assert open_meter("cpu", powercap=tmp_path) is None


class NVMLError(Exception):
    """The base of all errors of pynvml: no OSError or RuntimeError."""


def made_up_gpu(monkeypatch: pytest.MonkeyPatch, **functions: Callable[..., object]) -> SimpleNamespace:
    """A module pynvml of a GPU that has taken 2 J."""
    nvml = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: f"handle of {uuid}",
        nvmlDeviceGetTotalEnergyConsumption=lambda _: 2_000,
    )
    vars(nvml).update(functions)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1-2"))
    return nvml


def raises(error: Exception) -> Callable[..., object]:
    def function(*_: object) -> object:
        raise error

    return function


def test_a_gpu_is_found_by_its_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = iter([2_000, 9_500])
    read = lambda handle: next(counter) if handle == "handle of GPU-1-2" else 0  # noqa: E731
    made_up_gpu(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=read)
    meter = open_meter("cuda:0")
    assert meter is not None
    assert meter.joules() == pytest.approx(7.5)


def test_a_gpu_without_a_counter_has_no_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetTotalEnergyConsumption")
    for name in names:
        made_up_gpu(monkeypatch, **{name: raises(NVMLError("not supported"))})
        assert open_meter("cuda:0") is None
        made_up_gpu(monkeypatch, **{name: raises(TypeError("a mistake of the program"))})
        with pytest.raises(TypeError, match="a mistake"):
            open_meter("cuda:0")
    del made_up_gpu(monkeypatch).nvmlDeviceGetTotalEnergyConsumption
    assert open_meter("cuda:0") is None
    made_up_gpu(monkeypatch)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace())
    assert open_meter("cuda:0") is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_meter("cuda:0") is None


def test_a_gpu_that_is_lost_has_no_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: Iterator[Callable[[], object]] = iter([lambda: 2_000, raises(NVMLError("GPU is lost"))])
    made_up_gpu(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=lambda _: next(readings)())
    meter = open_meter("cuda:0")
    assert meter is not None
    assert meter.joules() is None


def test_the_cost_of_a_system_has_its_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading 4.8 J more than the last, over one pass of 4.8 s."""
    readings = iter([0.0, 4.8, 9.6])
    counter = energy_meter.EnergyCounter(name="made up", joules=lambda: next(readings))
    monkeypatch.setattr(cost_passes, "open_meter", lambda _: EnergyMeter([counter]))
    cost = measure_cost(load_system("mixture"), sample_rate_hz=8000, device="cpu", repeats=1)
    assert cost.joules_per_s == pytest.approx(1.0)
    assert any("energy by made up" in note for note in cost.notes)
    monkeypatch.setattr(cost_passes, "open_meter", lambda _: None)
    assert measure_cost(load_system("mixture"), sample_rate_hz=8000, device="cpu", repeats=1).joules_per_s is None
