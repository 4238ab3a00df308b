"""Identity of a class from elsewhere: every file that it is made of counts, and what cannot be known is said."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tsebench.bench.asr.protocol import RECOGNISERS
from tsebench.bench.metrics.registry import METRICS
from tsebench.bench.scoring import package_code
from tsebench.bench.scoring.identity import Identity, identity_of
from tsebench.bench.scoring.plan import MetricSpec, plan_metrics

CLASS = """
from tsebench.systems.protocol import Extraction, SystemCard
{head}
class Net:
    def __init__(self, *, device="cpu", **options):
        self.card = SystemCard(name="net", family="external", description="")
    def extract(self, batch):
        return Extraction(estimate=GAIN * batch.mixture[:, 0])
"""
NEARBY = "from pathlib import Path\nGAIN = len((Path(__file__).{}).read_text())"
NUMBER = itertools.count()

Place = Callable[[Mapping[str, str], str], Identity]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Writes modules (`P` in names and texts is the package) and gives the identity of `Net` of one of them."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    package = f"p{next(NUMBER)}_package"

    def write(files: Mapping[str, str], module: str, **options: Any) -> Identity:
        for name, text in files.items():
            path = tmp_path / name.replace("P", package)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("P.", f"{package}."))
        for name in [name for name in sys.modules if name.startswith((package, "sibling_"))]:
            del sys.modules[name]
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        kind = importlib.import_module(module.replace("P", package)).Net
        sys.dont_write_bytecode = before
        return identity_of(kind(**options), kind, options)

    return write


@pytest.mark.parametrize(
    ("files", "module", "changed"),
    [
        ({"P/__init__.py": "", "P/a.py": "from .net import GAIN", "P/net.py": "GAIN = 0.5"}, "P.a", "P/net.py"),
        ({"P/__init__.py": "from .deep.a import Net", "P/deep/__init__.py": "", "P/deep/a.py": "from ..net import GAIN",
          "P/net.py": "GAIN = 0.5"}, "P", "P/net.py"),
        ({"P/__init__.py": "", "P/a.py": "GAIN = 1", "P/data/weights.bin": "0.5"}, "P.a", "P/data/weights.bin"),
        # Without __init__.py: namespace packages.
        ({"P/a.py": "from .net import GAIN", "P/net.py": "GAIN = 0.5"}, "P.a", "P/net.py"),
        ({"P/b/a.py": "from P.c.net import GAIN", "P/c/net.py": "GAIN = 0.5"}, "P.b.a", "P/c/net.py"),
        ({"P/b/a.py": "from ..c.net import GAIN", "P/c/net.py": "GAIN = 0.5"}, "P.b.a", "P/c/net.py"),
        ({"P/b/__init__.py": "", "P/b/a.py": "from P.c.net import GAIN", "P/c/__init__.py": "",
          "P/c/net.py": "GAIN = 0.5"}, "P.b.a", "P/c/net.py"),
        # Single modules with others and with data next to them.
        ({"P_a.py": "from sibling_net import GAIN", "sibling_net.py": "GAIN = 0.5"}, "P_a", "sibling_net.py"),
        ({"P_a.py": "GAIN = 1", "weights.txt": "0.5"}, "P_a", "weights.txt"),
        # Of another package, imported in a function only.
        ({"P/__init__.py": "", "P/a.py": "GAIN = 1\ndef f():\n    from sibling_lib.net import GAIN",
          "sibling_lib/__init__.py": "", "sibling_lib/net.py": "from sibling_low import x", "sibling_low.py": "x = 1"},
         "P.a", "sibling_low.py"),
        # A path that stands in the code.
        ({"P/__init__.py": "", "P/a.py": "GAIN = 1\nW = 'elsewhere/w.pt'", "here/elsewhere/w.pt": "0.5"},
         "P.a", "here/elsewhere/w.pt"),
        # A base class from another package.
        ({"P/__init__.py": "", "P/a.py": "import sibling_x\nGAIN = sibling_x.GAIN", "sibling_x.py": "GAIN = 1"}, "P.a",
         "sibling_x.py"),
        # Data of another package, and modules that it takes by a star.
        ({"P/__init__.py": "", "P/a.py": "from sibling_lib.net import *", "sibling_lib/__init__.py": "",
          "sibling_lib/net.py": "from .deep import GAIN", "sibling_lib/deep.py": "GAIN = 1",
          "sibling_lib/w.json": "0.5"}, "P.a", "sibling_lib/w.json"),
        # Files and folders next to the package, from wherever it is started.
        ({"src/P/__init__.py": "", "src/P/a.py": NEARBY.format("parents[2] / 'w.txt'"), "w.txt": "1"}, "P.a", "w.txt"),
        ({"src/P/__init__.py": "", "src/P/a.py": NEARBY.format("parent.parent / 'exp' / 'w'"), "src/exp/w": "1"}, "P.a",
         "src/exp/w"),
        ({"src/P/__init__.py": "", "src/P/a.py": NEARBY.format("parent.joinpath('..', '..', 'w')"), "w": "1"}, "P.a",
         "w"),
        ({"src/P/__init__.py": "", "src/P/a.py": NEARBY.format("parents[1] / f'exp/{1}.txt'"), "src/exp/1.txt": "1"},
         "P.a", "src/exp/1.txt"),
        # Names without a dot or a slash, where they are used as paths, and patterns.
        ({"P/__init__.py": "", "P/a.py": "GAIN = 1\ndef f(): return open('gain')", "here/gain": "1"}, "P.a",
         "here/gain"),
        ({"P/__init__.py": "", "P/a.py": "from pathlib import Path\nGAIN = len(list(Path('exp').glob('*')))",
          "here/exp/w": "1"}, "P.a", "here/exp/w"),
        ({"P/__init__.py": "", "P/a.py": "GAIN = 1\ndef f(): return eval(open(f'./part_{GAIN}.py').read())",
          "here/part_1.py": "GAIN = 1"}, "P.a", "here/part_1.py"),
    ],
)  # fmt: skip
def test_every_file_of_a_class_counts(files: dict[str, str], module: str, changed: str, place: Place) -> None:
    of_class = next(name for name in files if name.endswith("a.py"))
    files = {**files, of_class: CLASS.format(head=files[of_class])}
    before = place(files, module)
    assert before.unseen == ""
    assert place(files, module) == before
    assert place({**files, changed: files[changed] + "\n# edited"}, module).digest != before.digest


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("import os\nGAIN = float(os.environ.get('GAIN', 1))", "user's environment"),
        ("from os import getenv\nGAIN = getenv('GAIN')", "user's environment"),
        ("from pathlib import Path\nGAIN = Path.home()", "user's environment"),
        ("import torch\nGAIN = 1\ndef f(): return torch.hub.load('a', 'b')", "weights by name"),
        ("GAIN = 1\ndef f(Model): return Model.from_pretrained('x')", "weights by name"),
        ("import importlib\nGAIN = importlib.import_module('math').pi", "modules by name"),
        ("from importlib import import_module as take\nGAIN = take('math').pi", "modules by name"),
        ("import importlib.util as u\nGAIN = 1\ndef f(): return u.spec_from_file_location", "modules by name"),
        ("import pkgutil\nGAIN = pkgutil.resolve_name('math:pi')", "modules by name"),
        ("import runpy\nGAIN = 1\ndef f(): return runpy.run_path", "modules by name"),
        ("import sys\nGAIN = 1\ndef f(): sys.path.insert(0, 'a'); import sibling_p", "where modules come from"),
        ("from importlib import resources\nGAIN = 1\ndef f(): return resources.files('sibling_p')", "by name"),
        ("import subprocess\nGAIN = 1\ndef f(): return subprocess.run", "other programs"),
        ("from subprocess import check_output as ask\nGAIN = 1\ndef f(): return ask", "other programs"),
        ("import os\nGAIN = 1\ndef f(): return os.popen('./gain').read()", "other programs"),
        ("import os\nGAIN = 1\ndef f(): return os.system('./gain')", "other programs"),
    ],
)
def test_code_that_finds_files_by_itself_is_not_trusted(head: str, reason: str, place: Place) -> None:
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head=head)}
    assert reason in place(files, "P.a").unseen
    helper = {"sibling_h/__init__.py": "", "sibling_h/net.py": head}
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head="from sibling_h.net import GAIN"), **helper}
    assert reason in place(files, "P.a").unseen


def test_a_name_of_its_own_is_no_search(place: Place) -> None:
    """A method `system`, a module `hub` of the package, a path that is not there, an import that nothing uses."""
    head = (
        "import sys\nimport subprocess\nfrom .hub import GAIN\ndef f(self, x): return self.system(sys.argv, x / 'cpu')"
    )
    files = {"P/__init__.py": "", "P/hub.py": "GAIN = 1", "P/a.py": CLASS.format(head=head)}
    assert place(files, "P.a").unseen == ""


def test_what_cannot_be_read_is_passed_over(place: Place, tmp_path: Path) -> None:
    """Files that the system makes up differ at every look."""
    head = "GAIN = 1\nPATHS = '/proc/self/clear_refs', '/proc/self/status', '/proc/self/environ', '/sys/kernel/notes'"
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head=head)}
    assert place(files, "P.a") == place(files, "P.a")


def test_a_script_is_judged_by_what_its_class_uses(place: Place) -> None:
    head = "import os\nGAIN = 1\ndef main():\n    print(os.environ)\n"
    assert place({"P_a.py": CLASS.format(head=head)}, "P_a").unseen == ""
    used = "import os\ndef read():\n    return os.environ\nGAIN = read()\n"
    assert "environment" in place({"P_a.py": CLASS.format(head=used)}, "P_a").unseen


def test_options_count_and_files_among_them_by_content(place: Place, tmp_path: Path) -> None:
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head="GAIN = 1")}
    weights, folder = tmp_path / "w.pt", tmp_path / "exp"
    folder.mkdir()
    weights.write_text("1")
    (folder / "last.ckpt").write_text("1")

    def of(**options: Any) -> str:
        return place(files, "P.a", **options).digest  # type: ignore[call-arg]

    assert of(gain=0.5) != of(gain=0.25)
    nested = {"net": {"weights": [str(weights)]}, "root": str(folder)}
    before = of(**nested)
    assert of(**nested) == before
    weights.write_text("2")
    assert of(**nested) != before
    weights.write_text("1")
    (folder / "last.ckpt").write_text("2")
    assert of(**nested) != before
    (folder / "last.ckpt").write_text("1")
    moved = weights.rename(tmp_path / "moved.pt")
    assert of(net={"weights": [str(moved)]}, root=str(folder)) == before


def test_a_package_beyond_the_bounds_is_not_trusted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsebench.core.content_hash.MAX_FILES", 0)
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head="GAIN = 1")}
    assert "holds more than 0 files" in place(files, "P.a").unseen


def test_code_that_was_edited_after_it_was_loaded_is_not_trusted(place: Place, tmp_path: Path) -> None:
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head="GAIN = 1")}
    place(files, "P.a")
    kind = [module for name, module in sys.modules.items() if name.endswith("_package.a")][-1].Net
    before = identity_of(kind(), kind)
    path = Path(str(sys.modules[kind.__module__].__file__))
    path.write_text(path.read_text().replace("GAIN = 1", "GAIN = 2"))
    after = identity_of(kind(), kind)
    assert after.digest != before.digest
    assert "edited after it was loaded" in after.unseen
    assert after.stale


def test_a_class_without_source_is_like_no_other() -> None:
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec(CLASS.format(head="GAIN = 1"), namespace)
    found = identity_of(namespace["Net"](), namespace["Net"])
    assert found.stale
    assert "cannot be seen" in found.unseen


def test_a_new_version_of_an_imported_package_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"P/__init__.py": "", "P/a.py": CLASS.format(head="import numpy\nGAIN = 1")}
    before = place(files, "P.a")
    assert before.unseen == ""
    monkeypatch.setattr(package_code, "_installed", lambda top, *_: f"{top}==999" if top == "numpy" else "")
    assert place(files, "P.a").digest != before.digest


def test_a_metric_from_elsewhere_is_keyed_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "sibling_factor.py").write_text("F = 1.0")
    (tmp_path / "sibling_metric.py").write_text(
        "from tsebench.bench.metrics.protocol import MetricInfo\nfrom sibling_factor import F\n"
        "class Own:\n    def __init__(self, *, table: str = ''):\n        self.info = MetricInfo(name='own')\n"
        "    def signature(self, sample_rate_hz):\n        return 'own'\n"
        "    def compute_file(self, *, estimate, reference, sample_rate_hz):\n        return F\n"
    )

    def code(table: str = "") -> str:
        for name in ("sibling_metric", "sibling_factor"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        monkeypatch.setitem(METRICS._entries, "own", importlib.import_module("sibling_metric").Own)
        plan = plan_metrics([MetricSpec(name="own", options={"table": table})])
        return plan.code_of(plan.metrics[0])

    before = code()
    assert code() == before
    (tmp_path / "table.csv").write_text("1")
    with_table = code(str(tmp_path / "table.csv"))
    (tmp_path / "table.csv").write_text("2")
    assert len({before, with_table, code(str(tmp_path / "table.csv"))}) == 3
    before = code()
    (tmp_path / "sibling_factor.py").write_text("F = 2.0")
    assert code() != before


def test_shipped_metrics_have_a_steady_code() -> None:
    first, second = plan_metrics(["snr", "si_sdr"]), plan_metrics(["snr", "si_sdr"])
    assert first.codes == second.codes
    assert all(first.codes.values())


def test_a_recogniser_from_elsewhere_signs_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))

    def signature(text: str) -> str:
        (tmp_path / "sibling_asr.py").write_text(
            f"class Own:\n    batched = False\n    def signature(self):\n        return 'own:1'\n"
            f"    def transcribe(self, signals, sample_rate_hz):\n        return [{text!r} for _ in signals]\n"
            "def open_own(argument, *, device, grammar, batch_size):\n    return Own()\n"
        )
        sys.modules.pop("sibling_asr", None)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.setitem(RECOGNISERS._entries, "own", importlib.import_module("sibling_asr").open_own)
        (metric,) = plan_metrics([MetricSpec(name="wer", options={"backend": "own"})]).metrics
        return metric.signature(16000)

    first = signature("a")
    assert "own:1|code:" in first
    assert signature("b b") != first
    assert signature("a") == first
