"""The page of a listening test in a browser: answered by script, and what it saves is imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.axe import lost_stops, needs_axe, violations
from helpers.browser import chromium, console, needs_chromium
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tsebench.reports.listening.export_test import ExportedTest, ExportOptions, export_test
from tsebench.reports.listening.import_answers import import_answers

pytestmark = [needs_chromium, pytest.mark.long]

HEAR = """
const hear = (button) => new Promise((go) => {
  new MutationObserver(go).observe(button, { attributeFilter: ["aria-pressed"] });
  button.click();
});
"""
ANSWER = (
    HEAR
    + """
const done = arguments[arguments.length - 1], key = arguments[0];
(async () => {
  while (document.getElementById("end").hidden) {
    if (!document.getElementById("next").disabled) return done("a page can be left before it is rated");
    for (const button of document.querySelectorAll("#controls button")) await hear(button);
    for (const input of document.querySelectorAll("[data-rating]")) {
      input.value = key[input.dataset.rating];
      input.dispatchEvent(new Event("input"));
    }
    if (document.getElementById("next").disabled) return done(document.getElementById("note").textContent);
    document.getElementById("next").click();
  }
  done("");
})();
"""
)
NAMED = "const i = document.getElementById('listener'); i.value = arguments[0]; return i.checkValidity();"
RATINGS = {"mine": 55, "mixture": 30, "hidden_reference": 100, "anchor_3500_hz": 20}


def test_a_listener_answers_and_the_answers_are_imported(heard: Path, mushra: ExportedTest, tmp_path: Path) -> None:
    given = {s: RATINGS[name] for page in mushra.key.pages.values() for s, name in page.stimuli.items()}
    files = []
    with chromium(tmp_path / "profile", flags=("--autoplay-policy=no-user-gesture-required",)) as driver:
        driver.set_script_timeout(120)
        for listener in (1, 2):
            driver.get(f"{mushra.page.as_uri()}?listener={listener}")
            assert driver.find_element("id", "listener").get_property("value") == str(listener)
            names = ("Åsa 3", "O'Brien", " ", str(listener))  # the import refuses the second and the third
            assert [driver.execute_script(NAMED, name) for name in names] == [True, False, False, True]
            driver.find_element("css selector", "#begin button").click()
            assert driver.execute_async_script(ANSWER, given) == ""
            files.append(tmp_path / f"answers-{listener}.csv")
            files[-1].write_text(driver.execute_script("return document.getElementById('answers').textContent"))
            assert driver.execute_script("return document.getElementById('save').download") == files[-1].name
        assert console(driver) == []
    found = import_answers(heard, mushra.page.parent, files, tmp_path / "out")
    assert found.listeners == ("1", "2")
    assert {row.system: row.value for row in found.rows if row.status == "ok"} == RATINGS


SLOW = """
const original = AudioContext.prototype.decodeAudioData;
AudioContext.prototype.decodeAudioData = async function (bytes) {
  AudioContext.prototype.decodeAudioData = original;
  const buffer = await original.call(this, bytes);
  return new Promise((go) => { window.release = () => go(buffer); });
};
"""


def test_the_sound_that_was_asked_for_last_plays(mushra: ExportedTest, tmp_path: Path) -> None:
    """The first sound is decoded last, after another one plays, or after the page has been stopped."""
    with chromium(tmp_path / "profile", flags=("--autoplay-policy=no-user-gesture-required",)) as driver:
        for other in (".version button", "#stop"):
            driver.get(f"{mushra.page.as_uri()}?listener=1")
            driver.find_element("css selector", "#begin button").click()
            first, second = driver.find_elements("css selector", ".version button")[:2]
            driver.execute_script(SLOW)
            first.click()
            WebDriverWait(driver, 10, poll_frequency=0.05).until(lambda d: d.execute_script("return !!window.release"))
            if other == "#stop":
                driver.find_element("css selector", other).click()
            else:
                driver.execute_async_script(HEAR + "hear(arguments[0]).then(() => arguments[1]());", second)
            driver.execute_script("release()")
            note = driver.find_element("id", "note").text
            assert note == ("4 not heard yet" if other == "#stop" else "3 not heard yet")
            assert first.get_attribute("aria-pressed") == "false"


def test_a_page_is_answered_by_keys_alone(mushra: ExportedTest, tmp_path: Path) -> None:
    """Tab reaches every control, Enter plays, arrows rate, and each page begins at its heading."""
    with chromium(tmp_path / "profile", flags=("--autoplay-policy=no-user-gesture-required",)) as driver:
        driver.get(mushra.page.as_uri())
        assert lost_stops(driver) == []
        driver.execute_script("document.activeElement.blur()")
        tab_to(driver, "#listener")
        ActionChains(driver).send_keys("7", Keys.ENTER).perform()
        assert driver.switch_to.active_element.get_attribute("id") == "page-title"
        assert lost_stops(driver) == []
        size = {"width": 400, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 400
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.find_element("id", "page-title")
        driver.execute_script("document.getElementById('page-title').focus()")
        for place in range(4):
            tab_to(driver, f".version:nth-of-type({place + 3}) button")  # after the reference and the scale
            ActionChains(driver).send_keys(Keys.ENTER, Keys.TAB, Keys.END, Keys.ARROW_LEFT).perform()
        note = driver.find_element("id", "note")
        WebDriverWait(driver, 10, poll_frequency=0.05).until(lambda _: note.text == "Ready")
        outputs = [one.text for one in driver.find_elements("css selector", ".version output")]
        assert outputs == ["99 (excellent)"] * 4
        tab_to(driver, "#next")
        ActionChains(driver).send_keys(Keys.ENTER).perform()
        assert driver.switch_to.active_element.text == "Page 2 of 3"
        assert console(driver) == []


def tab_to(driver: Chrome, selector: str) -> None:
    wanted = driver.find_element("css selector", selector)
    for _ in range(20):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        if driver.switch_to.active_element == wanted:
            return
    pytest.fail(f"Tab does not reach {selector}")


@needs_axe
def test_no_state_of_a_test_has_violations(heard: Path, mushra: ExportedTest, tmp_path: Path) -> None:
    pages = [mushra.page]
    for design in ("p808", "ab"):
        pages.append(export_test(heard, tmp_path / design, ExportOptions(design=design, trials=1, listeners=1)).page)
    finish = "for (const id of ['page', 'end']) document.getElementById(id).hidden = id === 'page';"
    with chromium(tmp_path / "profile") as driver:
        for page in pages:
            driver.get(f"{page.as_uri()}?listener=1")
            assert violations(driver) == []
            driver.find_element("css selector", "#begin button").click()
            assert violations(driver) == []
            driver.execute_script(finish)
            assert violations(driver) == []
