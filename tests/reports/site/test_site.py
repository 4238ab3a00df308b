"""Pages with players: their files, reasons for missing sounds, and the demo page."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.site_runs import board_of, make_run, row
from helpers.sparse_wav import write_silent_hours
from PIL import Image

from tsebench.bench.statistics.aggregate import Aggregate
from tsebench.cli.demo import quantile_of
from tsebench.core.errors import ConfigError, UnknownNameError
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.site.charts.axes import frequency_ticks, time_ticks
from tsebench.reports.site.charts.pareto import charts
from tsebench.reports.site.choose_demo import DemoChoice, choose_demo
from tsebench.reports.site.choose_trials import TrialOrder, choose
from tsebench.reports.site.demo import write_demo
from tsebench.reports.site.glossary import condition, metric_hints
from tsebench.reports.site.pages import breakable, file_name, with_code
from tsebench.reports.site.pictures import power, spectrogram_png, waveform_path
from tsebench.reports.site.players import write_player
from tsebench.reports.site.site import render, write_site
from tsebench.reports.site.slice_tables import cell_text, slice_json, sliced
from tsebench.reports.site.sounds import Sound
from tsebench.reports.site.transcripts import transcript_of
from tsebench.reports.site.trial_facts import facts_of
from tsebench.reports.trial_audio import RunAudio, open_audio

RATE_HZ = 8000
EVIL_NAMES = ("../../x", "/etc/passwd", "a/b", "A", "a", "..", "", "ü", "x" * 300, "a\0b", "<b>")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def board(run_folder: Path) -> Leaderboard:
    return open_board([run_folder])


def test_sounds_are_those_that_were_scored(run_folder: Path) -> None:
    """Mixture and target are those of the set; the oracle's estimate is near the target."""
    audio = RunAudio(run_folder)
    signals, reason = audio.signals("speech", "test-000000_s1")
    assert signals is not None
    assert reason == ""
    assert signals.target is not None
    assert signals.sample_rate_hz == RATE_HZ
    unprocessed = audio.estimate("speech", "mixture", "test-000000_s1").samples
    np.testing.assert_array_equal(unprocessed, signals.mixture)
    oracle = audio.estimate("speech", "oracle_irm", "test-000000_s1").samples
    assert oracle is not None
    near = np.square(oracle - signals.target).sum()
    assert near < 0.2 * np.square(signals.mixture - signals.target).sum()
    recipe = audio.recipe("speech", "test-000000_s1")
    assert recipe is not None
    assert recipe.transcript


def test_another_set_of_that_name_is_not_used(run_folder: Path, tmp_path: Path) -> None:
    """The fingerprint of the folder must be the one that was scored."""
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy, ignore=shutil.ignore_patterns("estimates"))
    record = json.loads((copy / "run.json").read_text())
    record["datasets"]["speech"]["fingerprint"] = "0" * 64
    (copy / "run.json").write_text(json.dumps(record))
    signals, reason = RunAudio(copy).signals("speech", "test-000000_s1")
    assert signals is None
    assert "fingerprint 000000000000 is not at hand" in reason


@pytest.mark.parametrize("trial", ["../../run", "/etc/hostname", "test-000000_s1/../../x"])
def test_estimates_never_leave_their_folder(run_folder: Path, trial: str) -> None:
    found = RunAudio(run_folder).estimate("speech", "mixture", trial)
    assert found.samples is None
    assert found.reason


def test_a_site_with_players(run_folder: Path, tmp_path: Path) -> None:
    """Every sound of a page is there, 16 bits deep; names are hashes; the folder holds no other."""
    out = tmp_path / "site"
    written = write_board(open_board([run_folder]), out, ["html"], {"html": {"trials": 3}})
    assert sorted(written) == sorted(path for path in out.rglob("*") if path.is_file())
    pages = [path for path in written if path.parent.name == "trials"]
    assert len(pages) == 3
    for page in pages:
        html = page.read_text()
        for folder in ("audio", "images"):
            names = [part.partition('"')[0] for part in html.split(f'src="../{folder}/')[1:]]
            assert len(names) == 6  # mixture, enrollment, target and three systems
            for name in names:
                stem, _, _ = name.partition(".")
                assert len(stem) == 16
                assert set(stem) <= set("0123456789abcdef")
                assert (out / folder / name).is_file()
    for path in (out / "audio").iterdir():
        info = soundfile.info(str(path))
        assert (info.subtype, info.samplerate) == ("PCM_16", RATE_HZ)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Set `a: <b>` & go.", "Set <code>a: &lt;b&gt;</code> &amp; go."),
        ("`one` and `two`", "<code>one</code> and <code>two</code>"),
        ("a ` alone <i>", "a ` alone &lt;i&gt;"),
        ("none", "none"),
    ],
)
def test_what_stands_between_backticks_is_code_and_all_is_escaped(sentence: str, shown: str) -> None:
    assert with_code(sentence) == shown


def test_without_estimates_a_page_gives_the_reason(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", keep=False)
    out = tmp_path / "site"
    pages = write_board(open_board([folder]), out, ["html"], {"html": {"trials": 1}})
    (page,) = [path for path in pages if path.parent.name == "trials"]
    assert "he run stored no estimates; set <code>keep_estimates: true</code> in its config" in page.read_text()
    assert page.read_text().count("<audio ") == 3  # mixture, enrollment and target
    with pytest.raises(ConfigError, match=r"holds no estimates.*keep_estimates: true"):
        write_demo(open_board([folder]), tmp_path / "demo", DemoChoice())
    assert not (tmp_path / "demo").exists()


def test_rows_alone_make_a_site(tmp_path: Path) -> None:
    """A folder without run.json has pages, which say why there are no sounds."""
    rows = [row(name, trial, float(trial)) for name in ("a", "b") for trial in range(12)]
    board = board_of(tmp_path / "run", rows)
    pages = write_site(board, tmp_path / "site", trials=2)
    trial = next(path for path in pages if path.parent.name == "trials").read_text()
    assert "has no run.json, or was not given" in trial
    assert "<audio" not in trial


def test_the_most_extreme_trials_come_first(tmp_path: Path) -> None:
    """Worst and best of the leader, then of the others; those wanted come before all."""
    values = {"net": 3.0, "old": 1.0}
    rows = [
        row(name, trial, gain + (trial * 7 % 12) * (0.1 if name == "net" else -0.1))
        for name, gain in values.items()
        for trial in range(12)
    ]
    board = board_of(tmp_path, rows)
    order = TrialOrder(board)
    pairs = choose(board, order, count=3)
    # 7 t mod 12 is 0 at t = 0 and 11 at t = 5; the old net has its worst where net has its best.
    assert pairs == (("set", "t000"), ("set", "t005"), ("set", "t007"))
    assert choose(board, order, count=1, wanted=["t004"]) == (("set", "t004"), ("set", "t000"))
    assert choose(board, order, count=0) == ()
    (found,) = order.extremes("net", 3)
    assert [trial.trial_id for trial in found.worst] == ["t000", "t007", "t002"]
    assert [trial.trial_id for trial in found.best] == ["t005", "t010", "t003"]
    with pytest.raises(ConfigError, match="no trial 'nope' among the 12 of the run"):
        choose(board, order, count=1, wanted=["nope"])


def test_the_worst_of_a_loss_is_the_largest(tmp_path: Path) -> None:
    where = {"condition": "FUQ", "n_active": 0, "n_inactive": 1, "metric": "attenuation"}
    rows = [row("net", trial, -float(trial), **where, signature="a") for trial in range(8)]
    (found,) = TrialOrder(board_of(tmp_path, rows)).extremes("net", 2)
    assert [trial.value for trial in found.worst] == [0.0, -1.0]
    assert [trial.value for trial in found.best] == [-7.0, -6.0]


def test_slices_are_those_of_the_rows(tmp_path: Path) -> None:
    """Means of a slice, worked out by hand, and as the page's script gets them."""
    rows = [
        row(name, trial, gain + trial, tags={"input_snr_db": -7.5 if trial < 4 else 2.5})
        for name, gain in (("net", 10.0), ("old", 0.0))
        for trial in range(12)
    ]
    board = board_of(tmp_path, rows)
    found = sliced(board)["set", "FMQ 1:0"]
    assert [(part.slice.title, part.slice.text, part.n_trials) for part in found] == [
        ("input SNR", "−10 to −5 dB", 4),
        ("input SNR", "0 to 5 dB", 8),
    ]
    data = slice_json(board.tables[0], found)
    assert data["decimals"] == [2]
    assert [entry.system for entry in board.tables[0].entries] == ["net", "old"]
    texts = data["slices"][0]["cells"].split(" ")  # type: ignore[attr-defined,index]
    assert [text.split(",")[0] for text in texts] == ["1150", "150"]


def test_a_cell_of_a_slice_says_what_it_lacks() -> None:
    facts = {"system": "net", "dataset": "set", "condition": "", "metric": "si_sdri", "trial_mean": 0.0, "median": 0.0}
    whole = Aggregate(
        **facts, n=8, n_undefined=0, n_inapplicable=0, n_failed=0, n_floored=0, mean=-0.004, ci_low=-1.25, ci_high=0.5
    )
    nothing, endless = (replace(whole, mean=mean, ci_low=nan, ci_high=nan) for mean in (nan, -inf))
    assert cell_text(whole, "dB", 8) == "0,125,50"
    assert cell_text(replace(whole, ci_high=1.25, n=9), "dB", 8) == "0,125,,9"
    assert cell_text(whole, "dB", 9) == "0,125,50,8"
    assert cell_text(replace(whole, n=6, n_failed=2), "dB", 8) == "0,125,50,6,2"
    assert cell_text(replace(nothing, n=0, n_undefined=8), "dB", 8) == ",,,0,0,8"
    assert cell_text(endless, "dB", 8) == "-Infinity"
    assert cell_text(replace(whole, n=0, n_inapplicable=8), "dB", 8) == cell_text(None, "dB", 8) == ""


def test_names_of_files_stay_in_their_folder() -> None:
    names = [file_name(name) for name in EVIL_NAMES]
    assert len({name.lower() for name in names}) == len(EVIL_NAMES)
    for name in names:
        assert Path(name).name == name
        assert not name.startswith(".")
        assert len(name) <= 60
    assert file_name("a", "b/c") != file_name("a/b", "c")
    assert file_name("td_speakerbeam-v2.1") == "td_speakerbeam-v2.1"


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def test_a_tone_is_a_line_at_its_frequency() -> None:
    found = power(tone(1000.0), sample_rate_hz=RATE_HZ)
    hz = np.linspace(0, RATE_HZ / 2, len(found))
    middle = found[:, found.shape[1] // 2]
    assert hz[middle.argmax()] == pytest.approx(1000.0, abs=RATE_HZ / 2 / len(found))
    image = spectrogram_png(found, top=float(found.max()))
    picture = Image.open(io.BytesIO(image))
    assert picture.size == (found.shape[1], len(found))
    grey = np.asarray(picture)
    assert grey.max() == 255
    assert abs(int(grey[:, 50].argmax()) - (len(found) - 1 - int(middle.argmax()))) <= 1
    assert np.median(grey) == 0


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_a_picture_is_true_to_its_axes(rate_hz: int) -> None:
    """An impulse after a third of the time, and a tone at a quarter of the sample rate."""
    samples = np.zeros(3 * rate_hz, np.float32)
    samples[rate_hz] = 1.0
    found = power(samples, sample_rate_hz=rate_hz)
    assert len(found) == 128
    energy = found.sum(axis=0)
    middle_s = 3.0 * (energy @ (np.arange(len(energy)) + 0.5)) / energy.sum() / len(energy)
    assert middle_s == pytest.approx(1.0, abs=0.004)
    line = np.cos(np.pi / 2 * np.arange(3 * rate_hz)).astype(np.float32)
    strongest = int(power(line, sample_rate_hz=rate_hz).mean(axis=1).argmax())
    assert strongest in {63, 64}


def test_ticks_of_tracks() -> None:
    assert [(tick.label, tick.side) for tick in time_ticks(4.0, about=4)] == [
        *(("0", "start"), ("1", ""), ("2", ""), ("3", "")),
        ("4 s", "end"),
    ]
    assert [tick.label for tick in time_ticks(0.37, about=4)] == ["0", "0.1", "0.2", "0.3 s"]
    assert time_ticks(0.0, about=4) == []
    assert [(tick.place, tick.label) for tick in frequency_ticks(8.0, about=4)] == [
        *((0.0, "0"), (25.0, "2"), (50.0, "4"), (75.0, "6")),
        (100.0, "8"),
    ]
    assert [tick.label for tick in frequency_ticks(22.05, about=4)] == ["0", "10", "20"]


def test_keys_of_tracks(tmp_path: Path) -> None:
    """0 is the tenth; what makes no sound has none, and tracks after the last letter neither."""
    heard = [Sound(role="estimate", title=f"s{n}", samples=tone(500.0), sample_rate_hz=RATE_HZ) for n in range(40)]
    silent = Sound(role="target", title="Target", samples=None, reason="absent")
    tracks = write_player([heard[0], silent, *heard[1:]], tmp_path).tracks
    assert [track.key for track in tracks if track.role == "target"] == [""]
    keys = [track.key for track in tracks if track.role == "estimate"]
    assert keys[:12] == [*"1234567890ab"]
    assert keys[35:] == ["z", "", "", "", ""]


def test_a_waveform_is_its_envelope() -> None:
    path = waveform_path(np.array([0.0, 0.5, -0.25, 1.0], np.float32), peak=1.0, width=2)
    assert path == "M0 -0.50L1 -1.00L1 0.25L0 -0.00Z"
    assert waveform_path(np.zeros(0, np.float32), peak=1.0) == ""


def test_loud_sounds_are_lowered_by_a_known_gain(tmp_path: Path) -> None:
    loud = Sound(role="mixture", title="Mixture", samples=4.0 * tone(500.0), sample_rate_hz=RATE_HZ)
    player = write_player([loud, replace(loud, samples=tone(500.0), role="target")], tmp_path)
    first, second = player.tracks
    assert first.gain_db == pytest.approx(20 * np.log10(0.999 / 2.0), abs=1e-3)
    assert second.gain_db == 0.0
    samples, _ = soundfile.read(tmp_path / first.sound)
    assert np.abs(samples).max() == pytest.approx(0.999, abs=1e-4)
    assert len({track.sound for track in player.tracks}) == 2


def test_errors_of_transcripts_are_marked() -> None:
    said = "EMMA FOUND THREE WET RED WINDOWS"
    found = transcript_of("Emma bought wet red windows now", said, "wer|basic")
    kinds = [(c.kind, c.reference, c.hypothesis) for c in found.chunks]
    assert ("insert", "", "now") in kinds
    assert " ".join(c.reference for c in found.chunks if c.reference) == said.lower()
    assert transcript_of("anything", "", "wer|basic").chunks == ()
    silent = transcript_of("", "two words", "wer|basic")
    assert [(c.kind, c.reference) for c in silent.chunks] == [("delete", "two words")]


def test_the_front_of_quality_and_cost(tmp_path: Path) -> None:
    """Dear and bad is not on the front; cheap and bad, and dear and good, are."""
    gains = {"cheap": (1.0, 0.01), "middle": (3.0, 0.1), "waste": (2.0, 0.5), "dear": (5.0, 1.0)}
    rows = [row(name, trial, gain + 0.01 * (trial % 3)) for name, (gain, _) in gains.items() for trial in range(24)]
    facts = {
        "run_id": "r1",
        "name": "run",
        "systems": {n: {"cost": {"rtf": rtf, "params": 10}} for n, (_, rtf) in gains.items()},
    }
    board = board_of(tmp_path, rows, facts)
    chart = charts(board, "set")[0]
    assert {p.entry.system for p in chart.points if p.best} == {"cheap", "middle", "dear"}
    places = {p.entry.system: p for p in chart.points}
    assert places["cheap"].x < places["middle"].x < places["waste"].x < places["dear"].x
    assert places["dear"].y < places["middle"].y < places["waste"].y  # SVG counts downwards
    ratio = (places["middle"].x - places["cheap"].x) / (places["dear"].x - places["middle"].x)
    assert ratio == pytest.approx(1.0)  # tenfold each, on a logarithmic axis


def test_trials_of_a_demo(board: Leaderboard) -> None:
    by_value = choose_demo(board, DemoChoice(metric="si_sdri", quantiles=(0.0, 1.0), by="oracle_irm"))
    order = TrialOrder(board).worst_first(board.tables[0], "oracle_irm")
    assert [trial for _, trial in by_value] == [order[0].trial_id, order[-1].trial_id]
    assert next(iter(by_value.values())).startswith("quantile 0 of oracle_irm: si_sdri ")
    drawn = choose_demo(board, DemoChoice(count=3, seed=1))
    assert drawn == choose_demo(board, DemoChoice(count=3, seed=1))
    assert len(drawn) == 3
    others = [choose_demo(board, DemoChoice(count=3, seed=seed)) for seed in range(8)]
    assert any(other != drawn for other in others)
    named = choose_demo(board, DemoChoice(trials=("test-000002_s2",)))
    assert list(named) == [("speech", "test-000002_s2")]
    with pytest.raises(UnknownNameError, match="metric of the run 'sisdr'; did you mean 'si_sdr'"):
        choose_demo(board, DemoChoice(metric="sisdr", quantiles=(0.5,)))
    with pytest.raises(UnknownNameError, match="system of the run 'nett'"):
        choose_demo(board, DemoChoice(systems=("nett",)))


@pytest.mark.parametrize("text", ["si_sdri", "=0.5", "si_sdri=", "si_sdri=1.5", "si_sdri=a,b", "x=nan"])
def test_wrong_quantiles(text: str) -> None:
    with pytest.raises(ConfigError, match=r"si_sdri=0\.1,0\.5,0\.9"):
        quantile_of(text)


def test_a_demo_page_has_the_columns_of_the_paper(board: Leaderboard, tmp_path: Path) -> None:
    choice = DemoChoice(count=2, systems=("silence", "oracle_irm"))
    written = write_demo(board, tmp_path, choice, title="<b>Mine</b>")
    page = written[0].read_text()
    heads = [part.partition("</th>")[0] for part in page.split('<th scope="col">')[1:]]
    heads = [head.replace("<wbr>", "") for head in heads]
    assert heads == ["Unprocessed", "Enrollment", "silence", "oracle_irm", "Ground truth"]
    assert page.count("<td>") == page.count("<audio ") == 10
    assert "&lt;b&gt;Mine" in page
    assert "<b>Mine" not in page
    for facts in facts_of(board, list(choose_demo(board, choice)), open_audio(board.folders)):
        assert facts.transcript in page


def test_names_break_behind_underscores_and_stay_escaped() -> None:
    assert breakable("a_b<script>") == "a_<wbr>b&lt;script&gt;"


def test_an_estimate_of_hours_costs_its_own_track(run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    for path in (copy / "estimates").glob("*/oracle_irm-*/*.wav"):
        write_silent_hours(path, sample_rate_hz=RATE_HZ)
    found = RunAudio(copy).estimate("speech", "oracle_irm", "test-000000_s1")
    assert found.samples is None
    assert found.reason.startswith("the estimate is 36000 s long and its trial")
    written = write_board(open_board([copy]), tmp_path / "site", ["html"], {"html": {"trials": 3}})
    pages = [path.read_text() for path in written if path.parent.name == "trials"]
    assert len(pages) == 3
    for page in pages:
        assert "the estimate is 36000 s long" in page
        assert page.count('src="../audio/') == 5


@pytest.mark.parametrize("broken", ["write_player", "sounds_of"])
def test_a_player_that_cannot_be_made_costs_itself(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"tsebench.reports.site.site.{broken}", full)
    written = write_board(open_board([run_folder]), tmp_path / "site", ["html"], {"html": {"trials": 2}})
    pages = [path.read_text() for path in written if path.parent.name == "trials"]
    assert len(pages) == 2
    assert all("can be made: MemoryError" in page for page in pages)


def test_a_picture_that_cannot_be_made_costs_its_track(tmp_path: Path) -> None:
    long = np.broadcast_to(np.zeros(1, np.float32), (1 << 27,))
    sounds = [
        Sound(role="mixture", title="Mixture", samples=tone(500.0), sample_rate_hz=RATE_HZ),
        Sound(role="estimate", title="Net", samples=long, sample_rate_hz=RATE_HZ),
    ]
    mixture, estimate = write_player(sounds, tmp_path).tracks
    assert mixture.sound
    assert (estimate.sound, estimate.reason) == ("", "16777 s are too long to be played")


def test_baselines_are_level_lines_next_to_the_front(tmp_path: Path) -> None:
    """A baseline costs next to nothing, and would squash all others as a point; the axis ends at round numbers."""
    gains = {"cheap": (2.0, 0.03), "dear": (5.0, 0.04), "mixture": (0.0, 1e-6), "oracle": (6.0, 0.001)}
    family = {"mixture": "baseline", "oracle": "oracle"}
    rows = [row(name, n, gain + 0.1 * (n % 2)) for name, (gain, _) in gains.items() for n in range(12)]
    cost = {"rtf_low": 0.02, "rtf_high": 0.06}
    systems = {
        name: {
            "family": family.get(name, "cascade"),
            "privileged": name == "oracle",
            "cost": {"rtf": rtf, **(cost if name == "dear" else {})},
        }
        for name, (_, rtf) in gains.items()
    }
    board = board_of(tmp_path / "run", rows, {"run_id": "r1", "name": "run", "systems": systems})
    (chart,) = charts(board, "set")
    assert [point.entry.system for point in chart.points] == ["dear", "cheap"]
    assert [(level.entry.system, level.label) for level in chart.levels] == [
        ("oracle", "oracle"),
        ("mixture", "mixture"),
    ]
    dear = chart.points[0]
    assert dear.x_low < dear.x < dear.x_high
    assert chart.timed
    assert [label for _, label in chart.x_ticks] == ["0.02", "0.05", "0.1"]
    assert chart.front[-1][1] == dear.y  # on to the edge
    page = render(board)
    assert "Pareto front: no cheaper system is as good" in page
    assert "shortest to longest timed pass" in page


def test_abbreviations_explain_themselves(tmp_path: Path) -> None:
    shown = str(condition("PMQ 1:3"))
    assert 'title="partially matched query' in shown
    assert shown.endswith(">1:3</abbr>")
    assert str(condition("<b> 1:3")) == "&lt;b&gt; 1:3"
    rows = [
        row(name, n, 1.0 + n, metric=m, signature=m) for m in ("snr", "snri") for n in range(4) for name in ("net",)
    ]
    board = board_of(tmp_path / "run", rows, {"run_id": "r1"})
    hints = metric_hints(board)
    assert hints["snri"] == (
        "SNRi: improvement over the unprocessed mixture in SNR, signal-to-noise ratio; depends on the level of the "
        "estimate; higher is better"
    )
    page = render(board)
    assert page.count(f'title="{hints["snri"]}"') >= 2
    assert "<dt>snri</dt>" in page
