"""The page of `tsebench bench`, its sections, and what they are measured on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.queries import batch

from tsebench.bench.rows import read_rows
from tsebench.core.errors import ConfigError, OutputError, UnknownNameError
from tsebench.datasets.signals.audio import read_mono, write
from tsebench.datasets.types import Clues
from tsebench.doctor.speed.metrics_on_gpu import report as gpu_report
from tsebench.doctor.speed.page import head, missing, put_sections, table
from tsebench.doctor.speed.reports_at_size import METRICS, changed, simulate
from tsebench.doctor.speed.run_times import Recorder, sizes
from tsebench.doctor.speed.sections import SECTIONS, Settings, chosen_sections, measured
from tsebench.doctor.speed.talkers import talkers_of, write_trials
from tsebench.reports.compare.compare_runs import CompareOptions, compare_runs
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.systems.registry import load_system


def test_sections_replace_those_of_the_same_heading_and_keep_the_others(tmp_path: Path) -> None:
    page = tmp_path / "new" / "speed.md"
    put_sections(page, ["## One\n\nold", "## Two\n\nkept"])
    put_sections(page, ["## One\n\nnew", "## Three\n\nadded"])
    assert page.read_text() == f"{head()}\n\n## One\n\nnew\n\n## Two\n\nkept\n\n## Three\n\nadded\n"
    put_sections(page, [], top="# Other")
    assert page.read_text().startswith("# Other\n\n## One")


def test_a_page_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(OutputError, match="choose another --out"):
        put_sections(tmp_path / "page.md", ["## One"])


def test_tables_and_lines_on_packages_that_are_not_there() -> None:
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
    assert missing("numpy") == ""
    assert missing("no_such_peer", "peer") == (
        "Not compared with no_such_peer, which is not installed: `pip install peer`."
    )


def test_sections_are_chosen_by_name_in_the_order_of_the_page() -> None:
    assert [each.name for each in chosen_sections(["report", "run"])] == ["run", "report"]
    assert chosen_sections([]) == SECTIONS
    with pytest.raises(UnknownNameError, match="reports"):
        chosen_sections(["reports"])


def test_every_section_has_a_report() -> None:
    for section in SECTIONS:
        assert callable(import_module(f"tsebench.doctor.speed.{section.module}").report)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_section_that_cannot_be_measured_says_why() -> None:
    said: list[str] = []
    (text,) = measured(chosen_sections(["metrics_gpu"]), Settings(say=said.append))
    assert text == gpu_report(Settings())
    assert "sees no GPU" in text
    assert said == ["measuring metrics_gpu: metrics on a GPU against the CPU"]


def test_simulated_runs_are_ranked_and_differ_on_a_third_of_their_values(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    simulate(run, systems=3, trials=40)
    changed(run, other)
    assert len(read_rows(run)) == 3 * 40 * len(METRICS)
    (best_table,) = open_board([run]).tables
    assert [entry.system for entry in best_table.entries if entry.rank == 1] == ["system_02"]
    found = compare_runs(run, other, CompareOptions(slices=False))
    assert 0 < sum(change.n_changed > 0 for change in found.changes) <= 4


def test_trials_are_made_of_the_recordings_that_are_given(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for talker in ("a", "b"):
        for number in range(2):
            noise = rng.uniform(-0.1, 0.1, 40_000).astype(np.float32)
            write(tmp_path / "in" / talker / f"{number}.wav", noise, 8000, subtype="PCM_16")
    recordings = talkers_of(Settings(recordings=tmp_path / "in"), tmp_path / "unused")
    folders = write_trials(tmp_path / "out", 2, recordings)
    target, mixture = (read_mono(folder / "0000.wav")[0] for folder in (folders.references, folders.mixtures))
    assert 10 * np.log10(np.square(target).sum() / np.square(mixture - target).sum()) == pytest.approx(0.0, abs=0.05)
    (tmp_path / "in" / "b" / "0.wav").unlink()
    (tmp_path / "in" / "b" / "1.wav").unlink()
    with pytest.raises(ConfigError, match="no two folders"):
        talkers_of(Settings(recordings=tmp_path / "in"), tmp_path)


def test_a_recorder_answers_as_its_system_and_keeps_what_it_is_asked() -> None:
    system, asked = load_system("mixture"), [batch(Clues(), Clues()), batch(Clues())]
    recorder = Recorder(system)
    for each in asked:
        assert torch.equal(recorder.extract(each).estimate, system.extract(each).estimate)
    assert all(kept is each for kept, each in zip(recorder.batches, asked, strict=True))
    assert recorder.card is system.card


def test_a_gpu_gets_more_trials() -> None:
    assert [size.trials for size in sizes(Settings(device="cuda:0"))] == [6000, 6000]
    assert [size.trials for size in sizes(Settings(quick=True))] == [4, 64]
