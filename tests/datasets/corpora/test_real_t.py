"""REAL-T: lists by subset, activity from its records, and damaged copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.trees.real_t import EN, ENROLLED, ZH, make_real_t

from tsebench.core.errors import CorpusError
from tsebench.datasets.corpora.real_t import RealT


def test_trials_have_the_names_of_the_official_estimates_and_facts_on_their_targets(tmp_path: Path) -> None:
    corpus = RealT(name="real_t", root=make_real_t(tmp_path / "real"))
    english, first, second = corpus.recorded_trials("test")
    assert [first.id, english.id] == [f"{ZH}-{ENROLLED[ZH][0]}", f"{EN}-{ENROLLED[EN][0]}"]
    assert first.mixture_id == second.mixture_id == ZH
    assert first.mixture.path == f"mixtures/{ZH}.wav"
    assert first.target is not None
    assert (first.target.speaker, first.target.transcript, first.target.language) == ("SPK8031", "主题不一样", "zh")
    # 1712.50-1713.46 and 1713.76-1715.00 of a mixture from 1713.06 to 1714.06, counted from its beginning.
    assert first.target.activity == ((0.0, 0.4), (0.7, 1.0))
    # 0.2 + 0.1 s of the 0.7 s are overlapped by the other speaker, who speaks from 0.2 to 0.8 s.
    assert first.tags["overlap"] == pytest.approx(0.3 / 0.7, abs=1e-3)
    assert first.tags["corpus"] == "AliMeeting"
    assert first.tags["n_speakers"] == 2
    assert english.target is not None
    assert english.target.activity is None  # AMI has no records here
    assert corpus.recorded_trials("train") == []


def test_a_subset_is_a_list_of_its_own(tmp_path: Path) -> None:
    root = make_real_t(tmp_path / "real")
    assert len(RealT(name="real_t", root=tmp_path, subset="BASE").recorded_trials("test")) == 1  # found below
    with pytest.raises(CorpusError, match=r"has no <source>_meta\.csv; give the folder that holds DEV/"):
        RealT(name="real_t", root=root, subset="DEV").recorded_trials("test")


def test_damaged_copies_are_named(tmp_path: Path) -> None:
    root = make_real_t(tmp_path / "real")
    (root / "mixtures" / f"{EN}.wav").unlink()
    with pytest.raises(CorpusError, match=r"1 of the 5 files listed in PRIMARY are missing, the first is 'mixtures/IS"):
        RealT(name="real_t", root=root).recordings()
    (root / "json/AliMeeting/overlap_records.json").write_text('{"R8004_M8006_MS805": [{"overlap_info": {}}]}')
    with pytest.raises(CorpusError, match=r"a record of session 'R8004_M8006_MS805' is damaged"):
        RealT(name="real_t", root=root).recorded_trials("test")
    table = root / "PRIMARY/AMI_meta.csv"
    table.write_text(table.read_text().replace(EN, "../../x"))
    with pytest.raises(CorpusError, match=r"line 2: '\.\./\.\./x-IS1009a_FIE088_20\.00_20\.70' cannot be a file name"):
        RealT(name="real_t", root=root).recorded_trials("test")
