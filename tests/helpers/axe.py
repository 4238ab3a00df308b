"""Checks of a page by axe-core: WCAG 2.1 A and AA, and axe's own best practices, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.browser import needs_chromium
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys

_SCRIPT = Path(__file__).resolve().parents[1] / "axe/node_modules/axe-core/axe.min.js"
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"], runOnly: arguments[0]})
  .then((found) => done([found.passes.length, found.violations.map((one) => [
    one.id, one.help, one.nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`)
  ])]), (error) => done([0, [["error", String(error), []]]]));
"""
_SHOW = """
document.documentElement.dataset.theme = arguments[0];
const docs = document.body.dataset;
if (docs.mdColorScheme) docs.mdColorScheme = arguments[0] === "dark" ? "slate" : "default";
getComputedStyle(document.body).background;
document.getAnimations().forEach((one) => one.finish());
return getComputedStyle(document.body).background;
"""
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def needs_axe(test: Any) -> Any:
    """Skip a test where axe-core or Chromium is not installed."""
    missing = "axe-core is not installed; npm ci --prefix tests/axe"
    return needs_chromium(pytest.mark.skipif(not _SCRIPT.is_file(), reason=missing)(test))


def violations(driver: Chrome) -> list[str]:
    """What axe finds on the page as it is now in light, and of colours in dark, a line for each element."""
    light = _shown_in(driver, "light")
    found = _found(driver, {"type": "tag", "values": _TAGS})
    assert _shown_in(driver, "dark") != light, "the page has no dark colours"
    found += _found(driver, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]})
    _shown_in(driver, "light")
    return found


def _shown_in(driver: Chrome, scheme: str) -> str:
    """Show the page in light or dark, as the reader's switch does; its ground."""
    return str(driver.execute_script(_SHOW, scheme))


def _found(driver: Chrome, rules: dict[str, Any]) -> list[str]:
    if driver.execute_script("return typeof axe") == "undefined":
        driver.execute_script(_SCRIPT.read_text())
    passed, found = driver.execute_async_script(_RUN, rules)
    assert passed > 0, found  # rules were tried
    return [f"{rule} ({words}): {' '.join(node.split())}" for rule, words, nodes in found for node in nodes]


_STOPS = """
const seen = (one) => one.getClientRects().length && getComputedStyle(one).visibility !== "hidden";
const kinds = "a[href], button, input, select, textarea, summary, audio[controls], [tabindex='0']";
return [...document.querySelectorAll(kinds)]
  .filter((one) => !one.disabled && one.tabIndex >= 0 && seen(one));
"""
_WATCH = """
window.reached = [];
document.addEventListener("focusin", ({ target }) => {
  const style = getComputedStyle(target), box = target.getBoundingClientRect();
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== "none";
  window.reached.push([target, drawn && box.right > 0 && box.left < innerWidth]);
});
document.activeElement.blur();
scrollTo(0, 0);
"""


def lost_stops(driver: Chrome) -> list[str]:
    """Controls that Tab does not reach from the top of the page, or on which it draws no focus that can be seen.

    Radio buttons of one group are one stop.
    """
    controls = driver.execute_script(_STOPS)
    driver.execute_script(_WATCH)
    ActionChains(driver, duration=0).send_keys((len(controls) + 3) * Keys.TAB).perform()
    reached = driver.execute_script("return window.reached")
    groups = {one.get_attribute("name") for one, _ in reached if one.get_attribute("type") == "radio"}
    missed = [one for one in controls if one not in [each for each, _ in reached]]
    lost = [one for one in missed if one.get_attribute("type") != "radio" or one.get_attribute("name") not in groups]
    unmarked = [one for one, marked in reached if one in controls and not marked]
    return [str(one.get_attribute("outerHTML"))[:120] for one in [*lost, *unmarked]]
