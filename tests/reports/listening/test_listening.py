"""A MUSHRA test of simulated listeners: the page tells nothing, screening finds the careless, the truth is found."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from helpers.panel import answers, as_web_mushra

from tsebench.bench.rows import read_rows
from tsebench.core.errors import ConfigError, OutputError
from tsebench.reports.listening.designs import ANCHOR, REFERENCE
from tsebench.reports.listening.export_test import ExportedTest, ExportOptions, choose_trials, export_test
from tsebench.reports.listening.import_answers import ImportedTest, import_answers
from tsebench.reports.listening.listening_key import read_key
from tsebench.reports.listening.orders import orders
from tsebench.reports.listening.stimuli import low_passed
from tsebench.reports.listening.write_result import result_board, result_correlations, write_result

TRUTH = {"mine": 55.0, "mixture": 30.0, REFERENCE: 100.0, ANCHOR: 20.0}


@pytest.fixture(scope="module")
def found(heard: Path, mushra: ExportedTest, tmp_path_factory: pytest.TempPathFactory) -> ImportedTest:
    folder = tmp_path_factory.mktemp("answers")
    files = answers(mushra.key, folder, TRUTH, careless=(4,))
    return import_answers(heard, mushra.page.parent, files, folder / "listened")


def test_the_truth_of_the_simulation_is_within_the_intervals(heard: Path, found: ImportedTest) -> None:
    assert [*found.left_out] == ["5"]
    assert "hidden reference is below 90" in found.left_out["5"]
    assert len(found.listeners) == 9
    board = result_board(heard, found)
    table = next(table for table in board.tables if table.condition == "FMQ 1:0")
    cells = {entry.system: table.primary_cell(entry) for entry in table.entries}
    assert table.columns[table.primary or 0].key == "mushra"
    for system, value in TRUTH.items():
        cell = cells[system]
        assert cell is not None
        assert cell.n == 3
        assert cell.mean == pytest.approx(value, abs=8.0)
        assert cell.ci_low <= value <= cell.ci_high or cell.ci_low == cell.mean == value
    keys = [column.key for column in table.columns]
    assert {"mushra", "si_sdri"} <= {*keys}  # beside the objective metrics
    assert not [issue for issue in board.issues if issue.status == "missing" and issue.system in {"mine", "mixture"}]


def test_rows_cover_every_trial_and_say_which_nobody_heard(heard: Path, found: ImportedTest) -> None:
    rows = read_rows(found.out)
    assert {*rows["trial_id"]} == {*read_rows(heard)["trial_id"]}
    heard_rows = rows[rows["status"] == "ok"]
    assert len(heard_rows) == 3 * 4
    assert {*rows.loc[rows["status"] != "ok", "reason"]} == {"not_heard"}
    ratings = json.loads(heard_rows["detail"].iloc[0])
    assert len(ratings) == 9
    assert heard_rows["value"].iloc[0] == pytest.approx(np.mean([*ratings.values()]))


def test_correlations_are_those_of_answers_with_both_values(heard: Path, found: ImportedTest) -> None:
    correlated = {each.metric: each for each in result_correlations(heard, found)}
    snr = correlated["snri"]
    assert snr.n == 6  # two systems, three trials: `mine` is better in SNR and in ratings
    rows = read_rows(heard)
    both = rows[(rows.metric == "snri") & (rows.status == "ok")].merge(
        read_rows(found.out).query("status == 'ok'"), on=["system", "trial_id"]
    )
    assert snr.pearson == pytest.approx(np.corrcoef(both.value_x, both.value_y)[0, 1])


@pytest.mark.long
def test_the_report_names_who_is_left_out(heard: Path, found: ImportedTest, tmp_path: Path) -> None:
    written = write_result(result_board(heard, found), result_correlations(heard, found), tmp_path)
    assert {"report.html", "correlations.csv"} <= {path.name for path in written}
    page = (tmp_path / "report.html").read_text()
    assert "MUSHRA" in page
    assert "pigeonhole" in page
    assert "listener 5: the hidden reference" in page


def data_of(page: Path) -> dict[str, object]:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert text
    return dict(json.loads(text[1]))


def test_the_page_does_not_tell_which_sound_is_which(mushra: ExportedTest) -> None:
    text = mushra.page.read_text()
    for secret in ("mine", ANCHOR, REFERENCE, "mixture", "si_sdr", mushra.key.run_id, "test-00000"):
        assert secret not in text
    data = data_of(mushra.page)
    sounds: dict[str, str] = data["sounds"]  # type: ignore[assignment]
    opened: dict[str, str] = data["references"]  # type: ignore[assignment]
    hidden = {s for page in mushra.key.pages.values() for s, name in page.stimuli.items() if name == REFERENCE}
    assert hidden <= sounds.keys()
    assert not hidden & {*opened.values()}
    assert [*sounds] == sorted(sounds)
    drawn = orders(
        [(name, sorted(mushra.key.pages[name].stimuli)) for name in sorted(mushra.key.pages)], listeners=10, seed=0
    )
    assert data["orders"] == [[{"page": o.page, "stimuli": [*o.stimuli]} for o in order] for order in drawn]
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_sounds_are_levelled_and_the_anchor_is_dull(mushra: ExportedTest) -> None:
    sounds: dict[str, str] = data_of(mushra.page)["sounds"]  # type: ignore[assignment]
    for page in mushra.key.pages.values():
        levels = {}
        for stimulus, name in page.stimuli.items():
            samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(sounds[stimulus])))
            assert rate_hz == 8000
            assert np.abs(samples).max() <= 0.9 + 1e-3
            levels[name] = 20 * np.log10(np.sqrt(np.mean(samples**2)))
        assert max(levels.values()) - min(levels.values()) < 0.1


def test_the_anchor_keeps_what_is_below_3500_hz_and_nothing_above_4000() -> None:
    time_s = np.arange(32000) / 16000
    below, above = (np.sin(2 * np.pi * f * time_s).astype(np.float32) for f in (3400.0, 4100.0))
    inner = slice(1000, -1000)
    assert np.allclose(low_passed(below, 16000)[inner], below[inner], atol=2e-3)
    assert np.abs(low_passed(above, 16000)[inner]).max() < 2e-3


@pytest.mark.long
def test_other_designs(heard: Path, tmp_path: Path) -> None:
    single = export_test(heard, tmp_path / "p808", ExportOptions(design="p808", trials=2, listeners=2)).key
    assert sorted(len(page.stimuli) for page in single.pages.values()) == [1] * 8
    pairs = export_test(heard, tmp_path / "ab", ExportOptions(design="ab", trials=3, listeners=2)).key
    assert sum(page.check for page in pairs.pages.values()) == 1
    assert [{*page.stimuli.values()} for page in pairs.pages.values() if not page.check] == [{"mine", "mixture"}] * 3
    lines = ["listener,page,stimulus,rating"]
    for who in ("a", "b"):
        for name, page in pairs.pages.items():
            better = REFERENCE if page.check else ("mine" if who == "a" else "mixture")
            better = "mixture" if page.check and who == "b" else better  # b does not hear the reference
            lines += [f"{who},{name},{s},{100 if c == better else 0}" for s, c in page.stimuli.items()]
    (tmp_path / "answers.csv").write_text("\n".join(lines))
    found = import_answers(heard, tmp_path / "ab", [tmp_path / "answers.csv"], tmp_path / "out")
    assert [*found.left_out] == ["b"]
    assert {row.system: row.value for row in found.rows if row.status == "ok"} == {"mine": 100.0, "mixture": 0.0}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "have no column 'listener'"),
        ("listener,page,stimulus,rating\n", "there are no answers"),
        ("listener,page,stimulus,rating\n1,x,y,50\n", "is not of this test"),
        ("listener,page,stimulus,rating\n1,{page},{stimulus},101\n", "it must be 0 ... 100"),
        ("listener,page,stimulus,rating\n1,{page},{stimulus},nan\n", "it must be 0 ... 100"),
        ("listener,page,stimulus,rating\n<b>,{page},{stimulus},1\n", "write 1 to 40 letters"),
        ("listener,page,stimulus,rating\n=1+1,{page},{stimulus},1\n", "write 1 to 40 letters"),
        ("listener,page,stimulus,rating\n" + 2 * "1,{page},{stimulus},1\n", "a second time, first in"),
    ],
)
def test_wrong_answers_are_one_line(text: str, match: str, heard: Path, mushra: ExportedTest, tmp_path: Path) -> None:
    page, facts = next(iter(mushra.key.pages.items()))
    (tmp_path / "a.csv").write_text(text.format(page=page, stimulus=next(iter(facts.stimuli))))
    with pytest.raises(ConfigError, match=match):
        import_answers(heard, mushra.page.parent, [tmp_path / "a.csv"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_anchor_that_cannot_be_told_screens_nobody(heard: Path, mushra: ExportedTest, tmp_path: Path) -> None:
    """The sounds are at 8 kHz; at 16 kHz the same answers leave the listener out, unless many answer so."""
    anchored = mushra.key.model_copy(update={"screens_by_anchor": True})
    (tmp_path / "key.json").write_text(anchored.model_dump_json())
    files = answers(mushra.key, tmp_path, TRUTH, listeners=5)
    anchors = {s for page in mushra.key.pages.values() for s, name in page.stimuli.items() if name == ANCHOR}

    def take_the_anchor(path: Path) -> None:
        rows = [line.split(",") for line in path.read_text().splitlines()]
        taken = [[*row[:3], "99", *row[4:]] if row[2] in anchors else row for row in rows]
        path.write_text("\n".join(map(",".join, taken)))

    take_the_anchor(files[0])
    assert import_answers(heard, mushra.page.parent, files, tmp_path / "a").left_out == {}
    found = import_answers(heard, tmp_path / "key.json", files, tmp_path / "b")
    assert found.left_out == {"1": "the anchor is above 90 on 100 % of the pages"}
    take_the_anchor(files[1])  # two of five: more than a quarter, so that the anchor itself is at fault
    assert import_answers(heard, tmp_path / "key.json", files, tmp_path / "c").left_out == {}


def test_web_mushra_has_the_same_pages_sounds_and_anchor(mushra: ExportedTest) -> None:
    """Keys and places of files are those of webMUSHRA's documentation for experimenters."""
    data: dict[str, Any] = data_of(mushra.page)
    root = mushra.page.parent / "webmushra"
    assert len(mushra.web_mushra) == 10
    used = set()
    for order, path in zip(data["orders"], mushra.web_mushra, strict=True):
        assert path.parent == root / "configs"
        config = yaml.safe_load(path.read_text())
        assert path.stem.startswith(config["testId"])
        assert config["remoteService"] == "service/write.php"
        first, *pages, last = config["pages"]
        assert (first["type"], last["type"], last["writeResults"]) == ("generic", "finish", True)
        assert [page["id"] for page in pages] == [each["page"] for each in order]
        for page in pages:
            assert (page["type"], page["randomize"], page["strict"]) == ("mushra", True, True)
            assert not any(page[name] for name in ("createAnchor35", "createAnchor70", "showConditionNames"))
            own = mushra.key.pages[page["id"]].stimuli
            assert sorted(own[name] for name in page["stimuli"]) == sorted({*own.values()} - {REFERENCE})
            for name, place in {**page["stimuli"], data["references"][page["id"]]: page["reference"]}.items():
                assert (root / place).read_bytes() == base64.b64decode(data["sounds"][name])
                used.add(root / place)
    assert used == {*root.rglob("*.wav")}
    said = "".join(path.read_text() for path in mushra.web_mushra)
    assert not [secret for secret in ("mine", ANCHOR, REFERENCE, "mixture", mushra.key.run_id) if secret in said]


def test_results_of_web_mushra_are_the_same_answers(heard: Path, mushra: ExportedTest, tmp_path: Path) -> None:
    files = answers(mushra.key, tmp_path, TRUTH, careless=(4,))
    table = as_web_mushra(files, mushra.key, tmp_path / "mushra.csv")
    own = import_answers(heard, mushra.page.parent, files, tmp_path / "own")
    found = import_answers(heard, mushra.page.parent, [table], tmp_path / "found")
    values = [
        [(row.system, row.trial_id, row.detail) for row in each.rows if row.status == "ok"] for each in (found, own)
    ]
    assert values[0] == values[1]
    assert len(values[0]) == 12
    assert found.rows[0].run_id == own.rows[0].run_id
    assert found.left_out == own.left_out
    text = table.read_text().replace("listener,session_uuid", "age,session_uuid")
    table.write_text(text)  # without the question for the number, the session names the listener
    named = import_answers(heard, mushra.page.parent, [table], tmp_path / "named")
    assert [*named.left_out] == ["uuid-4"]
    table.write_text(text.replace("session_uuid", "other"))
    with pytest.raises(ConfigError, match="of webMUSHRA name no listeners; add a column 'listener'"):
        import_answers(heard, mushra.page.parent, [table], tmp_path / "none")


def test_a_trial_that_failed_is_left_out_of_its_own_set_alone() -> None:
    facts = [(d, t, s) for d in ("one", "two") for t in ("t0", "t1") for s in ("a", "b")]
    rows = pd.DataFrame(facts, columns=["dataset", "trial_id", "system"]).assign(n_active=1, status="ok")
    rows = rows.assign(mixture_id=rows["trial_id"])
    rows.loc[(rows.dataset == "one") & (rows.trial_id == "t0") & (rows.system == "b"), "status"] = "failed"
    chosen = choose_trials(rows, ["a", "b"], count=3, seed=0)
    assert {*chosen} == {("one", "t1"), ("two", "t0"), ("two", "t1")}


def test_wrong_use_is_one_line(heard: Path, mushra: ExportedTest, tmp_path: Path) -> None:
    for options, match in (
        (ExportOptions(design="musra"), "did you mean 'mushra'"),
        (ExportOptions(trials=99), "3 trials can be heard"),
        (ExportOptions(systems=("nobody",)), "'nobody' is not in the run"),
        (ExportOptions(listeners=0), "write 1 to 1000"),
        (ExportOptions(design="ab", web_mushra=True), "--webmushra is for --design mushra alone, not 'ab'"),
    ):
        with pytest.raises(ConfigError, match=match):
            export_test(heard, tmp_path / "out", options)
    with pytest.raises(OutputError, match="not empty"):
        export_test(heard, mushra.page.parent, ExportOptions(trials=1))
    with pytest.raises(ConfigError, match="cannot read the key"):
        read_key(tmp_path)
