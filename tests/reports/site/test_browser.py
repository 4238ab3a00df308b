"""Pages in a real browser: they sort, filter, slice and play, and write nothing to the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import chromium, console, needs_chromium, served
from helpers.site_runs import board_of, make_run, row
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tsebench.bench.rows import ScoreRow
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.site.choose_demo import DemoChoice
from tsebench.reports.site.demo import write_demo
from tsebench.reports.site.site import write_site

pytestmark = [needs_chromium, pytest.mark.filterwarnings("default")]  # selenium's own

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
                wide = driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0
                assert console(driver) == []


def position(driver: Chrome, place: int) -> float:
    script = f"return document.querySelectorAll('audio')[{place}].currentTime"
    return float(driver.execute_script(script))


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
        wait.until(lambda _: position(driver, 0) > 0.4)
        before = position(driver, 0)
        picks[target].click()
        wait.until(lambda _: not paused(driver)[target])
        assert paused(driver)[0]
        assert position(driver, target) >= before
        assert abs(position(driver, target) - position(driver, 0)) < 0.5
        wait.until(lambda _: position(driver, target) > before + 0.2)
        assert picks[target].get_attribute("aria-pressed") == "true"
        picks[1].click()  # the enrollment has a clock of its own
        wait.until(lambda _: not paused(driver)[1])
        assert position(driver, 1) < 0.4
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
        player.send_keys("4")
        wait.until(lambda _: not paused(driver)[3])
        assert position(driver, 3) >= duration / 2 - 0.05
        player.send_keys(" ")
        wait.until(lambda _: all(paused(driver)))
        assert console(driver) == []
