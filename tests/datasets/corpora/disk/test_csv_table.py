"""Tables with a key given twice: refused with both lines, in every corpus that has a table."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers.trees.wsj0 import TRANSCRIPTS, make_wsj0

from tsebench.core.errors import CorpusError
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.corpora.disk.csv_table import read_table
from tsebench.datasets.corpora.fuss import Fuss
from tsebench.datasets.corpora.librispeech import LibriSpeech

TABLES: dict[str, tuple[str, str, str]] = {
    "audioset": ("audioset", "audioset.csv", "path 'clips/"),
    "fsd50k dev": ("fsd50k", "FSD50K.ground_truth/dev.csv", "fname '"),
    "fsd50k eval": ("fsd50k", "FSD50K.ground_truth/eval.csv", "fname '"),
    "fsd50k vocabulary": ("fsd50k", "FSD50K.ground_truth/vocabulary.csv", "label '"),
    "fsdkaggle2018 train": ("fsdkaggle2018", "FSDKaggle2018.meta/train_post_competition.csv", "fname '"),
    "tau2019": ("tau2019", "TAU-urban-acoustic-scenes-2019-development/meta.csv", "filename 'audio/"),
    "tau2019 fold": (
        "tau2019",
        "TAU-urban-acoustic-scenes-2019-development/evaluation_setup/fold1_train.csv",
        "filename 'audio/",
    ),
    "tau2019 test": (
        "tau2019",
        "TAU-urban-acoustic-scenes-2019-evaluation/evaluation_setup/test.csv",
        "filename 'audio/",
    ),
    "librispeech": ("librispeech", "test-clean/61/70968/61-70968.trans.txt", "utterance '61-70968-"),
}


def _open(kind: str, root: Path, **options: Any) -> Any:
    return open_corpora({"mine": CorpusConfig(kind=kind, options=options)}, {"mine": root})["mine"]


def _repeat_last(table: Path) -> str:
    """Repeat the last line of a table; returns the numbers of both lines."""
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[-1], ""]))
    return f"{table.name}', lines {len(lines)} and {len(lines) + 1}: "


@pytest.mark.parametrize("name", TABLES)
def test_a_key_given_twice_is_refused_with_both_lines(name: str, tmp_path: Path) -> None:
    kind, table, key = TABLES[name]
    root: Path = getattr(import_module(f"helpers.trees.{kind}"), f"make_{kind}")(tmp_path)
    lines = _repeat_last(root / table)
    with pytest.raises(CorpusError) as refused:
        _open(kind, root).recordings()
    line = str(refused.value)
    assert f"{lines}{key}" in line
    assert line.endswith("is given twice; remove one of the lines")
    assert len(line) < 500


def test_speakers_and_examples_given_twice(tmp_path: Path) -> None:
    from helpers.trees.fuss import make_fuss
    from helpers.trees.librispeech import make_librispeech

    speech = make_librispeech(tmp_path)
    lines = _repeat_last(speech / "SPEAKERS.TXT")
    with pytest.raises(CorpusError, match=f"{lines}speaker '121' is given twice"):
        LibriSpeech(name="mine", root=speech).sex("61")
    fuss = make_fuss(tmp_path)
    (listed,) = sorted(fuss.glob("ssdata_reverb/train_example_list.txt"))
    lines = _repeat_last(listed)
    with pytest.raises(CorpusError, match=f"{lines}mixture '"):
        Fuss(name="mine", root=fuss).examples("train", reverb=True)


def test_an_utterance_twice_in_the_transcripts_of_wsj0(tmp_path: Path) -> None:
    root = make_wsj0(tmp_path, transcripts=TRANSCRIPTS)
    (file,) = sorted((root / "wsj0" / "transcrp" / "dots" / "440").iterdir())
    file.write_text(file.read_text() + "another text (440C0201)\n")
    with pytest.raises(CorpusError, match=r"lines 1 and 2: utterance '440c0201' is given twice; remove one of the"):
        _open("wsj0", root, transcripts="transcrp/dots").recordings()


def test_speakers_of_two_sexes_in_the_lists_of_wsj0(tmp_path: Path) -> None:
    root = make_wsj0(tmp_path, sexes={"440": "M", "22g": "F"})
    corpus = _open("wsj0", root)
    (root / "wsj0" / "spkrinfo.txt").write_text("440 M\n22G F\n")
    assert corpus.sexes() == {"440": "M", "22g": "F"}
    (root / "wsj0" / "spkrinfo.txt").write_text("22G M\n")
    with pytest.raises(CorpusError, match="speaker '22G' is M here and F in another line"):
        corpus.sexes()


def test_a_column_given_twice(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label,path\na,b,c\n")
    table = read_table(tmp_path / "t.csv")
    assert table.column("label") == ("b",)
    with pytest.raises(CorpusError, match="has 2 columns 'path'; rename or remove one"):
        table.column("path")
