"""The pictures of README and documentation, taken in headless Chromium from a finished quickstart.

    tsebench run quickstart
    python tests/benchmarks/pictures.py runs/quickstart

writes docs/leaderboard.png, docs/trial.png and docs/demo.png.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.browser import chromium  # noqa: E402 - tests/ is on the path since the line above

TRIAL = "test-000006_q0"
WIDTH = 1265
HEIGHTS = {"leaderboard": 1277, "trial": 1050, "demo": 1097}
COLOURS = 256


def main() -> None:
    """Write the report and the demo page of the run, and take the pictures."""
    run = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        report, demo = Path(folder, "report"), Path(folder, "demo")
        tsebench("report", str(run), "--out", str(report), "--format", "html", "--option", f"html.trial={TRIAL}")
        tsebench("demo", str(run), "--out", str(demo), "--quantile", "snri=0.5,0.9")
        (trial,) = (report / "trials").glob(f"*{TRIAL}*.html")
        pages = {"leaderboard": report / "report.html", "trial": trial, "demo": demo / "index.html"}
        with chromium(Path(folder, "profile"), flags=("--hide-scrollbars",)) as driver:
            for name, page in pages.items():
                take(driver, page, ROOT / "docs" / f"{name}.png", height=HEIGHTS[name])


def tsebench(*arguments: str) -> None:
    """Run a command of tsebench."""
    subprocess.run([sys.executable, "-m", "tsebench", *arguments], check=True)


def take(driver: Chrome, page: Path, path: Path, *, height: int) -> None:
    """Write the top of a page, in a palette that keeps thin coloured lines."""
    size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.as_uri())
    time.sleep(1.0)  # pictures of the players are decoded
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
