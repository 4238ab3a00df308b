"""Pages in a real browser: they sort, filter, slice and play, and write nothing to the console."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.axe import lost_stops, needs_axe, violations
from helpers.browser import chromium, console, needs_chromium, served
from helpers.site_films import growing
from helpers.site_runs import board_of, make_run, row
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tsebench.bench.score_row import ScoreRow
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.site.choose_demo import DemoChoice
from tsebench.reports.site.demo import write_demo
from tsebench.reports.site.glossary import metric_hints
from tsebench.reports.site.pages import write_page
from tsebench.reports.site.players import write_player
from tsebench.reports.site.site import TrialPage, trial_html, write_site
from tsebench.reports.site.sounds import Sound
from tsebench.reports.site.trial_facts import facts_of
from tsebench.reports.submissions.board_record import BoardEntry, BoardRecord, RefusedPack, write_board_record
from tsebench.reports.submissions.pages import write_pages

pytestmark = [needs_chromium, pytest.mark.long, pytest.mark.filterwarnings("default")]  # selenium's own

EVIL = "<script>document.title='owned'</script></script><img src=x onerror=alert(1)>"
NETS = {"net": 4.0, "old": 2.0, "twin": 3.0, EVIL: 1.0}


def rows() -> list[ScoreRow]:
    """Four systems; at low SNR, the old net is the best. One value failed."""
    made = []
    for place, (system, gain) in enumerate(NETS.items()):
        for trial in range(24):
            low = trial < 8
            value = (9.0 if system == "old" else 0.0) if low else gain
            tags = {"input_snr_db": -7.0 if low else 3.0}
            made.append(row(system, trial, value + 0.01 * (trial % 5), tags=tags))
            loss = row(system, trial, 5.0 - place, tags=tags, metric="wer", signature="wer|basic")
            made.append(loss)
    return made


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    flags = ("--autoplay-policy=no-user-gesture-required",)
    with chromium(tmp_path_factory.mktemp("profile"), flags=flags) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of made-up rows."""
    folder = tmp_path_factory.mktemp("rows")
    facts = {
        "run_id": "r1",
        "name": "run",
        "systems": {name: {"family": "generative" if name == "twin" else "discriminative"} for name in NETS},
    }
    write_site(board_of(folder / "run", rows(), facts), folder / "site", trials=2)
    return folder / "site"


@pytest.fixture(scope="module")
def with_sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site and a demo page of a real run with its estimates."""
    folder = tmp_path_factory.mktemp("with_sounds")
    run = make_run(folder / "run")
    write_board(open_board([run]), folder / "site", ["html"], {"html": {"trials": 2}})
    write_demo(open_board([run]), folder / "site" / "demo", DemoChoice(count=2))
    return folder / "site"


@pytest.fixture(params=["file", "http"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The scheme by which a page is opened."""
    return request.param  # type: ignore[no-any-return]


def opened(driver: Chrome, folder: Path, page: str, root: str = "") -> None:
    console(driver)
    driver.get(f"{root or folder.as_uri()}/{page}")


def order(driver: Chrome) -> list[str]:
    """Systems of the first table, from above, without those that are filtered out."""
    shown = driver.find_elements(By.CSS_SELECTOR, "table.board tbody tr")
    return [line.find_element(By.CSS_SELECTOR, "th a").text for line in shown if line.is_displayed()]


def head(driver: Chrome, text: str) -> WebElement:
    heads = driver.find_elements(By.CSS_SELECTOR, "table.board thead th")
    return next(one for one in heads if text in one.text)


def test_it_sorts_by_click_and_by_keyboard(driver: Chrome, site: Path) -> None:
    opened(driver, site, "report.html")
    first = order(driver)
    assert head(driver, "snri").get_attribute("aria-sort") == "descending"
    loss = head(driver, "wer")
    loss.find_element(By.TAG_NAME, "button").click()
    assert loss.get_attribute("aria-sort") == "ascending"  # the better end is on top
    assert head(driver, "snri").get_attribute("aria-sort") is None
    assert order(driver) == [*NETS][::-1]
    loss.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert loss.get_attribute("aria-sort") == "descending"
    assert order(driver) == [*NETS]
    head(driver, "snri").find_element(By.TAG_NAME, "button").click()
    assert order(driver) == first
    assert console(driver) == []


def test_it_searches_for_names_and_families(driver: Chrome, site: Path) -> None:
    opened(driver, site, "report.html")
    search = driver.find_element(By.ID, "search")
    search.send_keys("gener")
    assert order(driver) == ["twin"]
    assert driver.find_element(By.ID, "found").text == "1 found"
    search.send_keys(Keys.ESCAPE)
    assert len(order(driver)) == 4
    search.send_keys("no such system")
    assert order(driver) == []
    assert console(driver) == []


def test_a_slice_takes_the_place_of_all_trials(driver: Chrome, site: Path) -> None:
    opened(driver, site, "report.html")
    before = driver.find_element(By.CSS_SELECTOR, "table.board").text
    assert order(driver)[0] == "old"  # 4.34 on average; net has 2.68
    select = Select(driver.find_element(By.CSS_SELECTOR, "[data-slices]"))
    assert [option.text.strip() for option in select.options] == ["all trials", "−10 to −5 dB (8)", "0 to 5 dB (16)"]
    select.select_by_visible_text("0 to 5 dB (16)")
    assert order(driver) == ["net", "twin", "old", EVIL]
    cell = driver.find_element(By.CSS_SELECTOR, "table.board tbody tr td[data-cell]")
    assert cell.text.startswith("4.02\n[")
    assert "16 of 24 trials: input SNR 0 to 5 dB" in driver.find_element(By.TAG_NAME, "article").text
    assert not driver.find_element(By.CSS_SELECTOR, "td.whole").is_displayed()
    select.select_by_index(0)
    assert driver.find_element(By.CSS_SELECTOR, "table.board").text == before
    select.select_by_index(1)
    driver.find_element(By.CSS_SELECTOR, "table.board tbody a").click()
    driver.back()
    chosen = driver.find_element(By.CSS_SELECTOR, "[data-slices]").get_property("value") != ""
    shown = driver.find_element(By.CSS_SELECTOR, "table.board").text != before
    assert chosen == shown  # both all trials again, or both as they were
    assert console(driver) == []


def test_light_and_dark(driver: Chrome, site: Path) -> None:
    opened(driver, site, "report.html")

    def ground() -> str:
        return driver.execute_script("return getComputedStyle(document.body).backgroundColor")  # type: ignore[no-any-return]

    first = ground()
    driver.find_element(By.CSS_SELECTOR, "[data-theme-switch]").click()
    assert ground() != first
    driver.refresh()
    assert ground() != first  # the choice is kept
    driver.find_element(By.CSS_SELECTOR, "[data-theme-switch]").click()
    assert ground() == first


def test_the_first_stop_of_the_keyboard_skips_the_navigation(driver: Chrome, site: Path) -> None:
    opened(driver, site, "report.html")
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    active = driver.switch_to.active_element
    assert active.text == "Skip to the content"
    assert active.location["x"] >= 0
    active.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.tag_name == "main"


def test_every_page_is_quiet_and_no_name_is_code(driver: Chrome, site: Path, with_sounds: Path, address: str) -> None:
    """All pages, from files and from a server: no error, no violated policy, nothing owned."""
    for folder in (site, with_sounds):
        pages = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
        with served(folder) as root:
            for page in pages:
                opened(driver, folder, page, root if address == "http" else "")
                assert "owned" not in driver.title or "document.title" in driver.title
                assert not driver.find_elements(By.CSS_SELECTOR, "img[src='x']")
                assert driver.execute_script(WIDER) <= 0
                assert console(driver) == []


def kinds_of_pages(site: Path, with_sounds: Path, folder: Path) -> list[Path]:
    """One page of each kind: leaderboards with and without slices, system, trial, demo, and a board of packs."""
    packs = folder / "board"
    facts = {"run_id": "r1", "name": "run", "systems": {"lab: net": {"family": "discriminative"}}}
    board_of(packs / "verified" / "lab", [row("lab: net", trial, 1.0 * trial) for trial in range(4)], facts)
    entry = BoardEntry(team="lab", sha256=64 * "a", status="verified", added="2026-01-01", titles={"net": "lab: net"})
    refused = RefusedPack(file="other.zip", when="2026-01-02", reason=EVIL)
    write_board_record(packs, BoardRecord(entries=(entry,), refused=(refused,)))
    write_pages(packs)
    first = [sorted((with_sounds / name).glob("*.html"))[0] for name in ("trials", "systems")]
    return [
        site / "report.html",
        with_sounds / "report.html",
        *first,
        with_sounds / "demo" / "index.html",
        packs / "report" / "report.html",
    ]


@needs_axe
def test_no_page_has_violations(driver: Chrome, site: Path, with_sounds: Path, tmp_path: Path) -> None:
    for page in kinds_of_pages(site, with_sounds, tmp_path):
        driver.get(page.as_uri())
        assert violations(driver) == [], page.name


def test_tab_reaches_every_control_and_shows_where_it_is(
    driver: Chrome, site: Path, with_sounds: Path, tmp_path: Path
) -> None:
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    for page in kinds_of_pages(site, with_sounds, tmp_path):
        driver.get(page.as_uri())
        wait.until(lambda d: not d.find_elements(By.CSS_SELECTOR, "[data-pick]:disabled"))
        assert lost_stops(driver) == [], page.name


def test_the_slider_of_a_player_moves_by_arrows(driver: Chrome, with_sounds: Path) -> None:
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    driver.get(sorted((with_sounds / "trials").glob("*.html"))[0].as_uri())
    slider = driver.find_element(By.CSS_SELECTOR, "[data-seek]")
    wait.until(lambda _: slider.is_enabled())
    for key_name in (Keys.PAGE_UP, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT):
        before = position(driver, 0)
        slider.send_keys(key_name)
        wait.until(lambda _, before=before: position(driver, 0) > before)
    slider.send_keys(Keys.HOME)
    wait.until(lambda _: position(driver, 0) == 0)
    assert all(paused(driver))


def position(driver: Chrome, place: int) -> float:
    script = f"return document.querySelectorAll('audio')[{place}].currentTime"
    return float(driver.execute_script(script))


def listen(driver: Chrome) -> None:
    """Take notes for `begun` of what begins to play: on a slow machine a sound may end before one looks."""
    driver.execute_script(
        "window.begun = []; document.addEventListener('play', ({ target }) =>"
        " window.begun.push([[...document.querySelectorAll('audio')].indexOf(target), target.currentTime]), true);"
    )


def begun(driver: Chrome) -> list[tuple[int, float]]:
    """Tracks that began to play, and where, since the last call."""
    return [(place, at) for place, at in driver.execute_script("return window.begun.splice(0)")]


SWITCH = """
const [pick, place, past, done] = arguments, all = [...document.querySelectorAll("audio")];
const change = () => {
  if (all[0].currentTime < past) return;
  all[0].removeEventListener("timeupdate", change);
  const before = all[0].currentTime, clicked = performance.now();
  all[place].addEventListener("playing", () => done([
    before, all[0].paused, all[0].currentTime, all[place].currentTime, (performance.now() - clicked) / 1000,
  ]), { once: true });
  pick.click();
};
all[0].addEventListener("timeupdate", change);
change();
"""
"""Click when the first track is past a position: where it was, whether it is paused then and where, where the other one
is, and the seconds since the click."""


def paused(driver: Chrome) -> list[bool]:
    script = "return [...document.querySelectorAll('audio')].map((audio) => audio.paused)"
    return driver.execute_script(script)  # type: ignore[no-any-return]


@pytest.mark.parametrize("where", ["trial", "demo"])
def test_players_keep_the_position(driver: Chrome, with_sounds: Path, address: str, where: str) -> None:
    """Play the mixture, switch to an estimate while it plays, then to the enrollment and back."""
    page = "demo/index.html" if where == "demo" else "trials/"
    if where == "trial":
        page += sorted(path.name for path in (with_sounds / "trials").iterdir())[0]
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    with served(with_sounds) as root:
        opened(driver, with_sounds, page, root if address == "http" else "")
        picks = driver.find_element(By.CSS_SELECTOR, "[data-player]").find_elements(By.CSS_SELECTOR, "[data-pick]")
        target = 2 if where == "trial" else len(picks) - 1
        picks[0].click()
        before, stopped, left, there, seconds = driver.execute_async_script(SWITCH, picks[target], target, 0.4)
        assert stopped
        assert before <= left + 0.01
        assert left - 0.05 <= there <= left + seconds + 0.05
        wait.until(lambda _: position(driver, target) > before + 0.2)
        assert picks[target].get_attribute("aria-pressed") == "true"
        listen(driver)
        picks[1].click()  # the enrollment has a clock of its own
        ((place, at),) = wait.until(begun)
        assert (place, at) == (1, pytest.approx(0, abs=0.05))
        picks[1].click()
        wait.until(lambda _: all(paused(driver)))
        assert console(driver) == []


def test_players_seek_and_listen_to_keys(driver: Chrome, with_sounds: Path, address: str) -> None:
    page = sorted(path.name for path in (with_sounds / "trials").iterdir())[0]
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    with served(with_sounds) as root:
        opened(driver, with_sounds, f"trials/{page}", root if address == "http" else "")
        player = driver.find_element(By.CSS_SELECTOR, "[data-player]")
        wait.until(lambda _: "0.0 / 0.0" not in driver.find_element(By.TAG_NAME, "output").text)
        view = driver.find_elements(By.CSS_SELECTOR, "[data-view]")[2]
        view.click()  # in the middle
        length = "return document.querySelectorAll('audio')[2].duration"
        duration = wait.until(lambda _: driver.execute_script(length))
        wait.until(lambda _: abs(position(driver, 2) - duration / 2) < 0.05)
        assert all(paused(driver))  # to look is not to play
        listen(driver)
        player.send_keys("4")
        assert wait.until(begun) == [(3, pytest.approx(duration / 2, abs=0.05))]
        player.send_keys(" ")
        wait.until(lambda _: all(paused(driver)))
        assert console(driver) == []


def key(driver: Chrome, name: str) -> None:
    """A key pressed with nothing in focus, as right after the page has opened."""
    ActionChains(driver).send_keys(name).perform()


@pytest.mark.parametrize("where", ["trial", "demo"])
def test_keys_act_before_the_first_click(driver: Chrome, with_sounds: Path, where: str) -> None:
    page = "demo/index.html"
    if where == "trial":
        page = f"trials/{sorted(path.name for path in (with_sounds / 'trials').iterdir())[0]}"
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    opened(driver, with_sounds, page)
    assert driver.execute_script("return document.activeElement === document.body")
    labels = [one.text for one in driver.find_elements(By.CSS_SELECTOR, "[data-track] kbd")]
    listen(driver)
    key(driver, "2")
    assert [place for place, _ in wait.until(begun)] == [labels.index("2")]
    key(driver, " ")
    wait.until(lambda _: all(paused(driver)))
    assert driver.execute_script("return scrollY") == 0  # a space plays and does not scroll
    at = position(driver, labels.index("2"))
    end = driver.execute_script(f"return document.querySelectorAll('audio')[{labels.index('2')}].duration") - 0.05
    key(driver, Keys.ARROW_RIGHT)
    wait.until(lambda _: position(driver, labels.index("2")) == pytest.approx(min(at + 0.5, end), abs=0.02))
    assert console(driver) == []


def test_keys_of_a_demo_act_on_the_row_of_last_use(driver: Chrome, with_sounds: Path) -> None:
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    opened(driver, with_sounds, "demo/index.html")
    rows = driver.find_elements(By.CSS_SELECTOR, "[data-player]")
    tracks = [len(one.find_elements(By.CSS_SELECTOR, "[data-track]")) for one in rows]
    listen(driver)
    rows[1].find_elements(By.CSS_SELECTOR, "[data-pick]")[0].click()
    assert [place for place, _ in wait.until(begun)] == [tracks[0]]
    driver.execute_script("document.activeElement.blur()")
    key(driver, " ")
    wait.until(lambda _: all(paused(driver)))
    driver.execute_script("document.activeElement.blur()")
    begun(driver)
    key(driver, "1")
    assert [place for place, _ in wait.until(begun)] == [tracks[0]]
    key(driver, " ")
    wait.until(lambda _: all(paused(driver)))


SLOW = """
const original = window.fetch;
window.fetch = async (...given) => {
  window.fetch = original;
  const answer = await original(...given);
  return new Promise((go) => { window.release = () => go(answer); });
};
"""
"""The answer to the next `fetch` is held back until `release()` is called."""


def test_the_player_that_was_asked_last_plays(driver: Chrome, with_sounds: Path) -> None:
    """A track that arrives while another player plays is chosen, and silent."""
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    with served(with_sounds) as root:
        opened(driver, with_sounds, "demo/index.html", root)
        first, second = driver.find_elements(By.CSS_SELECTOR, "[data-player]")[:2]
        driver.execute_script(SLOW)
        late = first.find_elements(By.CSS_SELECTOR, "[data-pick]")[1]
        late.click()
        wait.until(lambda d: d.execute_script("return !!window.release"))
        listen(driver)
        second.find_elements(By.CSS_SELECTOR, "[data-pick]")[0].click()
        assert [place for place, _ in wait.until(begun)] == [len(first.find_elements(By.CSS_SELECTOR, "[data-track]"))]
        driver.execute_script("release()")
        wait.until(lambda _: late.get_attribute("aria-pressed") == "true")
        assert paused(driver)[1]
        assert console(driver) == []


def test_the_tenth_track_has_a_key_and_the_list_says_it(driver: Chrome, tmp_path: Path) -> None:
    """Twelve tracks: 0 plays the tenth, a letter the next; ? opens the list of keys and closes it."""
    tones = [0.1 * np.sin(0.3 * n * np.arange(4000)).astype(np.float32) for n in range(1, 13)]
    sounds = [
        Sound(role="estimate", title=f"net {n}", system=f"net {n}", samples=samples, sample_rate_hz=8000)
        for n, samples in enumerate(tones, 1)
    ]
    board = board_of(tmp_path / "run", rows())
    (facts,) = facts_of(board, [("set", "t000")], {})
    page = TrialPage(facts, write_player(sounds, tmp_path), ())
    write_page(tmp_path, "trials/t.html", trial_html(page, hints=metric_hints(board)))
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)
    opened(driver, tmp_path, "trials/t.html")
    shown = [one.text for one in driver.find_elements(By.CSS_SELECTOR, "[data-track] kbd")]
    assert shown == [*"1234567890ab"]
    for name, place in (("0", 9), ("B", 11)):
        key(driver, name)
        wait.until(
            lambda _, place=place: (
                driver.find_elements(By.CSS_SELECTOR, "[data-track]")[place].get_attribute("class").endswith("chosen")
            )
        )
    dialog = driver.find_element(By.CSS_SELECTOR, "[data-keys]")
    assert not dialog.is_displayed()
    key(driver, "?")
    wait.until(lambda _: dialog.is_displayed())
    listed = dialog.text.split("\n")
    assert listed[listed.index("0") + 1] == "play net 10"
    assert listed[listed.index("b") + 1] == "play net 12"
    key(driver, "?")
    wait.until(lambda _: not dialog.is_displayed())
    assert console(driver) == []


WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHIFTS = """
const done = arguments[0]; let sum = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.value; })
  .observe({ type: "layout-shift", buffered: true });
setTimeout(() => done(sum), 100);
"""


def test_nothing_moves_while_pages_arrive(driver: Chrome, site: Path, with_sounds: Path, tmp_path: Path) -> None:
    """Neither lines of tables nor what scripts show; pages fit into a narrow window."""
    pages = kinds_of_pages(site, with_sounds, tmp_path)
    try:
        for width in (1280, 400):
            size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            for page in pages:
                with served(page.parents[1], in_pieces=True) as root:
                    driver.get(f"{root}/{page.parent.name}/{page.name}")
                    assert driver.execute_async_script(SHIFTS) < 0.001, (width, page.name)
                    assert driver.execute_script(WIDER) <= 0, (width, page.name)
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("width", "page"), [(1280, "trial"), (400, "trial"), (1280, "demo"), (400, "demo")])
def test_axes_of_spectrograms_fit_and_nothing_moves(driver: Chrome, with_sounds: Path, width: int, page: str) -> None:
    path = "demo/index.html"
    if page == "trial":
        path = f"trials/{sorted(one.name for one in (with_sounds / 'trials').iterdir())[0]}"
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(driver, with_sounds, path)
        assert driver.execute_async_script(SHIFTS) < 0.001
        plot = driver.find_element(By.CSS_SELECTOR, ".plot")
        box, view = plot.rect, plot.find_element(By.CSS_SELECTOR, ".view").rect
        picture = plot.find_element(By.CSS_SELECTOR, ".spectrum").rect
        seconds = plot.find_elements(By.CSS_SELECTOR, ".seconds span")
        khz = plot.find_elements(By.CSS_SELECTOR, ".khz span:not(.unit)")
        assert [one.text for one in khz][:: 4 if page == "trial" else 2] == ["0", "4"]
        assert seconds[-1].text.endswith(" s")
        edges = [(one.rect["x"], one.rect["x"] + one.rect["width"]) for one in seconds]
        assert all(end <= begin for (_, end), (begin, _) in pairwise(edges))  # none overlaps
        assert view["x"] - 1 <= edges[0][0]
        assert edges[-1][1] <= box["x"] + box["width"] + 1
        heights = [one.rect["y"] + one.rect["height"] / 2 for one in khz]
        assert heights[0] == pytest.approx(picture["y"] + picture["height"], abs=1.5)
        assert heights[-1] == pytest.approx(picture["y"], abs=1.5)
        # Waveform and spectrogram are one above the other.
        wave = plot.find_element(By.CSS_SELECTOR, ".wave").rect
        assert (wave["x"], wave["width"]) == (picture["x"], picture["width"])
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_video_keeps_the_position_of_the_sound(driver: Chrome, tmp_path: Path, address: str) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'tsebench[video]'")
    tone = 0.1 * np.sin(0.3 * np.arange(16000)).astype(np.float32)
    sounds = [
        Sound(role="mixture", title="Mixture", samples=tone, sample_rate_hz=8000, film=growing()),
        Sound(role="target", title="Target", samples=tone, sample_rate_hz=8000),
    ]
    board = board_of(tmp_path / "run", rows())
    (facts,) = facts_of(board, [("set", "t000")], {})
    page = TrialPage(facts, write_player(sounds, tmp_path), ())
    write_page(tmp_path, "trials/t.html", trial_html(page, hints=metric_hints(board)))
    wait = WebDriverWait(driver, 30, poll_frequency=0.05)
    with served(tmp_path) as root:
        opened(driver, tmp_path, "trials/t.html", root if address == "http" else "")
        wait.until(lambda d: film(d, "readyState") >= 2)
        assert driver.execute_async_script(SHIFTS) < 0.001
        seek(driver, 1.0)
        wait.until(lambda d: abs(film(d, "currentTime") - 1.0) < 0.02)
        driver.execute_script(TOGETHER)
        key(driver, "2")  # plays the target from there
        assert wait.until(lambda d: d.execute_script("return window.far")) < 0.15
        assert film(driver, "muted")
        key(driver, " ")
        wait.until(lambda d: film(d, "paused"))
        assert console(driver) == []


TOGETHER = """
const film = document.querySelector("[data-film]");
window.far = null;
const look = () => {
  const sound = [...document.querySelectorAll("audio")].find((each) => !each.paused);
  if (!sound || film.paused || film.currentTime < 1.2) return;
  film.removeEventListener("timeupdate", look);
  window.far = Math.abs(film.currentTime - sound.currentTime);
};
film.addEventListener("timeupdate", look);
"""
"""Seconds between film and sound, once both play."""


def film(driver: Chrome, what: str) -> Any:
    return driver.execute_script(f"return document.querySelector('[data-film]').{what}")


def seek(driver: Chrome, seconds: float) -> None:
    driver.execute_script(
        "const seek = document.querySelector('[data-seek]'); seek.value = arguments[0];"
        " seek.dispatchEvent(new Event('input'));",
        seconds,
    )
