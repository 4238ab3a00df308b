"""Papers' tables as YAML: cells are merged from the levels of the file, and a wrong file gives one line."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tsebench.core.errors import ConfigError
from tsebench.reports.papers import table_files
from tsebench.reports.papers.paper_table import Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted
from tsebench.reports.papers.table_files import PAPER_TABLES, read_paper_table

TABLE = """\
title: A table
paper: p
table: Table 1
stub: [method]
ours: {metric: sdri}
published: {condition: FMQ 1:0}
columns:
  sdri: {title: SDRi, published: {variant: all}}
  params: {title: size, ours: {metric: params, condition: ""}, published: {condition: ""}}
rows:
  - {names: [Net], ours: {system: net}, published: {system: paper_net}}
  - names: [Old]
    rule: true
    ours: {system: old, role: seen}
    published: {system: paper_old, variant: row}
    cells: {sdri: {ours: {threshold: 0.1}, published: {variant: cell}}, params: null}
  - {names: [New], ours: {system: new}, cells: {params: {published: null}}}
claims:
  - {text: net beats old, better: {system: net}, worse: {system: old, role: seen}}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_a_cell_merges_table_row_column_and_cell(tmp_path: Path) -> None:
    net, old = Measured(system="net", metric="sdri"), Measured(system="old", metric="sdri", role="seen")
    assert read_paper_table(written(tmp_path, TABLE)) == PaperTable(
        title="A table",
        paper="p",
        table="Table 1",
        stub=("method",),
        columns=("SDRi", "size"),
        rows=(
            PaperRow(
                names=("Net",),
                cells=(
                    PaperCell(net, Quoted(system="paper_net", metric="sdri", variant="all", condition="FMQ 1:0")),
                    PaperCell(
                        Measured(system="net", metric="params", condition=""),
                        Quoted(system="paper_net", metric="params"),
                    ),
                ),
            ),
            PaperRow(
                names=("Old",),
                cells=(
                    PaperCell(
                        Measured(system="old", metric="sdri", role="seen", threshold=0.1),
                        Quoted(system="paper_old", metric="sdri", variant="cell", condition="FMQ 1:0"),
                    ),
                    PaperCell(),
                ),
                rule=True,
            ),
            PaperRow(
                names=("New",),
                cells=(
                    PaperCell(Measured(system="new", metric="sdri")),
                    PaperCell(Measured(system="new", metric="params", condition="")),
                ),
            ),
        ),
        claims=(Claim(text="net beats old", better=net, worse=old),),
    )


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("stub:", "stubs:", "unknown key 'stubs'; did you mean 'stub'"),
        ("title: A table\n", "", "key 'title' is missing"),
        ("title: size", "titel: size", "unknown key 'columns.params.titel'; did you mean 'title'"),
        ("rule: true", "rule: 3", "rows.1.rule = 3"),
        ("params: null", "parms: null", "unknown column of row 'Old' 'parms'; did you mean 'params'"),
        ("names: [Old]", "names: [Old, er]", "row ('Old', 'er') does not fit the headings"),
        ("ours: {metric: sdri}\n", "", "{'system': 'net'} has no metric"),
        ("better: {system: net}", "better: {}", "{'metric': 'sdri'} has no system"),
        ("better: {system: net}", "better: {system: net, metric: snri}", "compares 'snri' with 'sdri'"),
        ("columns:", "columns: [", "is not YAML"),
    ],
)
def test_a_wrong_file_gives_one_line(old: str, new: str, line: str, tmp_path: Path) -> None:
    assert old in TABLE
    path = written(tmp_path, TABLE.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        read_paper_table(path)
    assert line in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_added_file_is_one_added_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "_FOLDER", tmp_path)
    written(tmp_path, TABLE)
    tables = type(PAPER_TABLES)("paper table", package="none", group="tsebench.none")
    assert tables.names() == ["mine"]
    assert tables.get("mine").title == "A table"


@pytest.mark.parametrize("value", ["plugin_tables:TABLE", "plugin_tables:PATH", "plugin_tables"])
def test_other_packages_add_an_object_a_path_or_a_file(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "plugin_tables"
    package.mkdir()
    path = written(package, TABLE)
    code = "from pathlib import Path\nfrom tsebench.reports.papers.table_files import read_paper_table\n"
    code += "PATH = Path(__file__).with_name('mine.yaml')\nTABLE = read_paper_table(PATH)\n"
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plugin_tables", raising=False)
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda *, group: [EntryPoint("mine", value, group)] if group == "tsebench.paper_tables" else [],
    )
    tables = type(PAPER_TABLES)("paper table", package="none", group="tsebench.paper_tables")
    assert tables.get("mine") == read_paper_table(path)
    assert {"mine", "soundbeam_table1"} <= set(tables.names())
