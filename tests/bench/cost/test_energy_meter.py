"""Energy by counters of a made-up machine."""

from __future__ import annotations

import sys
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
    first.unlink()
    assert meter.joules() is None


def test_without_a_readable_counter_there_is_no_meter(tmp_path: Path) -> None:
    assert open_meter("cpu", powercap=tmp_path / "none") is None
    domain(tmp_path, "intel-rapl:0", "package-0", 1).unlink()
    assert open_meter("cpu", powercap=tmp_path) is None


def test_a_gpu_is_found_by_its_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    counter = iter([2_000, 9_500])
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: asked.append(uuid) or "handle",
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counter) if handle == "handle" else 0,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1-2"))
    meter = open_meter("cuda:0")
    assert meter is not None
    assert asked == ["GPU-1-2"]
    assert meter.joules() == pytest.approx(7.5)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_meter("cuda:0") is None


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
