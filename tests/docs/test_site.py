"""The documentation site: it builds without a warning, needs no network, and its search finds pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from helpers.axe import needs_axe, violations
from helpers.browser import chromium, console, needs_chromium, served
from helpers.paths import ROOT

from tsebench.cli.main import app

GROUP: Any = typer.main.get_command(app)
pytestmark = [pytest.mark.long, pytest.mark.slow]

_ELSEWHERE = re.compile(r'<(?:script|img|link rel="stylesheet")[^>]* (?:src|href)="?(?:https?:)?//')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed; pip install '.[docs]' has it")
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout + done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    assert not [page for page in pages if _ELSEWHERE.search(page.read_text(encoding="utf-8"))]


def test_generated_pages(site: Path) -> None:
    for name, command in GROUP.commands.items():
        text = (site / "commands" / f"{name}.html").read_text(encoding="utf-8")
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert not [option for option in options if option not in text], name
    assert "tsebench.evaluate" in (site / "python.html").read_text(encoding="utf-8")
    assert 'id="sound_mix"' in (site / "keys" / "builder.html").read_text(encoding="utf-8")


@needs_chromium
def test_search_and_narrow_pages(site: Path, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    with chromium(tmp_path) as driver, served(site) as address:
        driver.get(f"{address}/index.html")
        driver.find_element(By.CSS_SELECTOR, ".md-search__input").send_keys("stratum")
        links = WebDriverWait(driver, 20).until(
            lambda d: d.find_elements(By.CSS_SELECTOR, ".md-search-result__item a[href*='concepts.html']")
        )
        assert links
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        )
        for page in ("index", "concepts", "results", "keys/builder", "commands/compare", "python", "benchmarks", "404"):
            driver.get(f"{address}/{page}.html")
            spare = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert driver.execute_script(spare) == 0, page
        assert not console(driver)


@needs_axe
def test_pages_have_no_violations(site: Path, tmp_path: Path) -> None:
    """A page of prose and code, and one of tables that scroll."""
    with chromium(tmp_path) as driver, served(site) as address:
        for page in ("hub", "results"):
            driver.get(f"{address}/{page}.html")
            assert violations(driver) == [], page
        assert not console(driver)
