"""The lists of WSJ0 mixtures: their odd cases, the real ones whole, and names of other spelling."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from helpers.paths import SHARED
from helpers.trees.wsj0 import AUXILIARY, ROWS, make_wsj0_lists

from tsebench.core.errors import AudioError, CorpusError, DatasetError
from tsebench.datasets.builders.shared.wsj0.mixture_lists import (
    ListedMixture,
    NameIndex,
    parse_name,
    part_of,
    read_auxiliaries,
    read_levels,
    read_mixtures,
    utterance_id,
)
from tsebench.datasets.corpora.wsj0_mix_lists import Wsj0MixLists

REAL = SHARED / "wsj0_mix" / "metadata"


def _write(folder: Path, text: str) -> Path:
    path = folder / "list.txt"
    path.write_bytes(text.encode())
    return path


def test_rows_with_blanks_exponents_and_windows_line_ends(tmp_path: Path) -> None:
    text = "\ufeff" + "\r\n".join([*ROWS, "", "  "])
    rows = read_mixtures(_write(tmp_path, text))
    assert len(rows) == 4
    assert rows[0] == ListedMixture(
        paths=("wsj0/si_et_05/440/440c0201.wav", "wsj0/si_dt_05/22g/22gc0101.wav"), snrs=("0.60431", "-0.60431")
    )
    assert [row.name for row in rows] == [
        "440c0201_0.60431_22gc0101_-0.60431",
        "050a0501_2.4_441c0201_-2.4",
        "440c0201_1.6043_22gc0101_-1.6043",
        "441o0302_5.2094e-07_050c010f_-5.2094e-07",
    ]


def test_three_speakers_and_auxiliary_columns(tmp_path: Path) -> None:
    three = "wsj0/si_et_05/440/440c0201.wav 1.5 a/si_dt_05/22g/22gc0101.wav -0.2 050c010f.WV1 0"
    (row,) = read_mixtures(_write(tmp_path, three))
    assert row.utterances == ("440c0201", "22gc0101", "050c010f")
    assert row.name == "440c0201_1.5_22gc0101_-0.2_050c010f_0"
    assert row.auxiliary is None
    (row,) = read_mixtures(_write(tmp_path, f"{three} wsj0/si_et_05/440/440o0301.wv1"))
    assert row.auxiliary == "wsj0/si_et_05/440/440o0301.wv1"
    assert row.name == "440c0201_1.5_22gc0101_-0.2_050c010f_0"
    lists = make_wsj0_lists(tmp_path / "lists")
    rows = read_mixtures(lists / "mix_2_spk_tt_extr.txt")
    assert tuple(row.auxiliary for row in rows) == AUXILIARY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("\n \n", "has no rows"),
        ("wsj0/a/440c0201.wav 1.0", "line 1: .* is not `utterance SNR`"),
        (f"{ROWS[0]}\nwsj0/a/440c0201.wav one wsj0/b/441c0201.wav -1", "line 2"),
        ("440c0201.wav nan 441c0201.wav -1", "is not `utterance SNR`"),
        (f"{ROWS[0]}\n{ROWS[1]} 440o0301.wav 0.0", "line 2"),
        (f"{ROWS[0]}\n{ROWS[1]}\n{ROWS[0]}", "lines 1 and 3: mixture '440c0201_0.60431_.*' is given twice; remove"),
        ("440c0201.wav 1 thunder.wav -1", "'thunder.wav' does not name an utterance of WSJ0"),
    ],
)
def test_rows_of_another_form_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_mixtures(_write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_are_not_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read list .*: No such file"):
        read_mixtures(tmp_path / "none.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00wav")
    with pytest.raises(DatasetError, match="it is not text"):
        read_mixtures(tmp_path / "list.txt")


def test_auxiliaries_of_both_forms(tmp_path: Path) -> None:
    lists = make_wsj0_lists(tmp_path / "lists")
    fifth = read_auxiliaries(lists / "mix_2_spk_tt_extr.txt")
    assert [(one.mixture, one.path) for one in fifth] == [
        (row.name, path) for row, path in zip(read_mixtures(lists / "mix_2_spk_tt.txt"), AUXILIARY, strict=True)
    ]
    scp = "440c0201_0.60431_22gc0101_-0.60431_440o0301 /home/a/si_et_05_8k/440/440o0301.wav\n"
    (one,) = read_auxiliaries(_write(tmp_path, scp))
    assert one.mixture == "440c0201_0.60431_22gc0101_-0.60431"
    assert utterance_id(one.path) == "440o0301"
    for text in (ROWS[0], "one two three"):
        with pytest.raises(DatasetError, match="names no auxiliary utterance"):
            read_auxiliaries(_write(tmp_path, text))


def test_a_speaker_may_be_in_a_row_twice(tmp_path: Path) -> None:
    row = "a/440c0201.wav 1.5 a/22gc0101.wav -0.2 a/440c0202.wav 0.1 a/050c010f.wav -1.5"
    (read,) = read_mixtures(_write(tmp_path, row))
    assert read.repeated_speakers == {"440"}
    assert not read_mixtures(_write(tmp_path, ROWS[0]))[0].repeated_speakers


def test_an_utterance_twice_is_refused(tmp_path: Path) -> None:
    levels = "440c0201 1.5e-04\n441c0201 2e-3\n\n440C0201 1.5e-04\n"
    with pytest.raises(DatasetError, match="lines 1 and 4: utterance '440c0201' is given twice; remove one"):
        read_levels(_write(tmp_path, levels))


def test_levels_of_another_form_are_refused(tmp_path: Path) -> None:
    assert read_levels(_write(tmp_path, "440c0201 1.5e-04\n\n441C0201 2e-3 \n")) == {
        "440c0201": 1.5e-4,
        "441c0201": 2e-3,
    }
    for text in ("440c0201", "440c0201 zero", "440c0201 0", "440c0201 -1", "440c0201 inf", "a 1 2"):
        with pytest.raises(DatasetError, match=r"line 1: .* is not `utterance level`"):
            read_levels(_write(tmp_path, text))


def test_utterances_by_any_path() -> None:
    for path in (
        "wsj0/si_et_05/445/445c0206.wav",
        "11-14.1\\WSJ0\\SI_ET_05\\445\\445C0206.WV1",
        "445c0206",
        "445c0206.wv1.wav",
    ):
        assert utterance_id(path) == "445c0206"
    assert part_of("11-14.1/WSJ0/SI_ET_05/445/445C0206.WV1") == "si_et_05"
    assert part_of("/home/a/wsj0/si_dt_05_8k/22g/22go010x.wav") == "si_dt_05"
    with pytest.raises(DatasetError, match="does not name a folder of WSJ0"):
        part_of("445/445c0206.wav")


class TestNames:
    IDS = (
        "447c020s_0.90137_052o020u_-0.90137",
        "447c020s_2.2137_052o020u_-2.2137",
        "051c010j_2.4172_421c020p_-2.4172",
        "423o030d_0.059714_053o020f_-0.059714",
        "441o0302_5.2094e-07_050c010f_-5.2094e-07",
    )

    @pytest.mark.parametrize("mixture_id", IDS)
    def test_an_id_is_its_own_name(self, mixture_id: str) -> None:
        for name in (mixture_id, f"{mixture_id}.wav", f"min/tt/mix/{mixture_id.upper()}.WAV"):
            assert NameIndex(self.IDS).match(name) == mixture_id

    @pytest.mark.parametrize(
        ("name", "place"),
        [
            ("447c020s_0.9_052o020u_-0.9.wav", 0),
            ("447c020s_2.2_052o020u_-2.2.wav", 1),
            ("447c020s_2_052o020u_-2", 1),
            ("051c010j_2.4_421c020p_-2.4_051a050x.wav", 2),
            ("423o030d_0.05971_053o020f_-0.05971.wav", 3),
            ("423o030d_0.1_053o020f_-0.1", 3),
            ("441o0302_0.0_050c010f_-0.0.wav", 4),
        ],
    )
    def test_rounded_snrs(self, name: str, place: int) -> None:
        assert NameIndex(self.IDS).match(name) == self.IDS[place]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("447c020s_9.9_052o020u_-9.9.wav", "no mixtures fit"),
            ("052o020u_-0.9_447c020s_0.9.wav", "no mixtures fit"),
            ("440c0201_0.9_052o020u_-0.9.wav", "no mixtures fit"),
            ("test-000001.wav", "is not the name of a WSJ0 mixture"),
            ("447c020s.wav", "is not the name of a WSJ0 mixture"),
            ("447c020s_loud_052o020u_-0.9", "is not the name of a WSJ0 mixture"),
            ("", "is not the name of a WSJ0 mixture"),
        ],
    )
    def test_others_are_refused(self, name: str, message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            NameIndex(self.IDS).match(name)

    def test_an_auxiliary_utterance_chooses_where_ids_have_one(self) -> None:
        ids = [f"{self.IDS[0]}_{aux}" for aux in ("447o0301", "447o0302")]
        assert NameIndex(ids).match("447c020s_0.9_052o020u_-0.9_447o0302.wav") == ids[1]
        with pytest.raises(DatasetError, match=r"2 mixtures \(.*\) fit"):
            NameIndex(ids).match("447c020s_0.9_052o020u_-0.9.wav")
        with pytest.raises(DatasetError, match="no mixtures fit"):
            NameIndex(ids).match("447c020s_0.9_052o020u_-0.9_447o0303.wav")

    def test_parsing(self) -> None:
        parsed = parse_name("mix/051c010j_2.4_421c020p_-2.4_051a050x.wav")
        assert parsed is not None
        assert parsed.utterances == ("051c010j", "421c020p")
        assert parsed.snrs_db == (2.4, -2.4)
        assert parsed.auxiliary == "051a050x"
        assert parse_name("a") is None


def test_the_folder_of_lists(tmp_path: Path) -> None:
    folder = make_wsj0_lists(tmp_path / "repository" / "metadata")
    for root in (folder, folder.parent):
        lists = Wsj0MixLists(name="lists", root=root)
        assert lists.file("none.txt", "mix_2_spk_tt.txt") == folder / "mix_2_spk_tt.txt"
        assert lists.recordings() == ()
        assert len(lists.digest("mix_2_spk_tt.txt")) == 64
    with pytest.raises(CorpusError, match=r"has no mix_2_spk_cv.txt.*--corpus lists=DIR"):
        lists.file("mix_2_spk_cv.txt")
    with pytest.raises(CorpusError, match="leads out"):
        lists.file("../../outside.txt")
    for ask in (lists.read, lists.digest):
        with pytest.raises(AudioError):
            ask("none.txt")


@pytest.mark.skipif(not REAL.is_dir(), reason="the lists of WSJ0-2mix are not here")
class TestRealLists:
    @pytest.mark.parametrize(
        ("name", "rows", "speakers", "utterances", "parts"),
        [
            ("mix_2_spk_tt.txt", 3000, 18, 1770, {"si_dt_05", "si_et_05"}),
            ("mix_2_spk_cv.txt", 5000, 101, 3557, {"si_tr_s"}),
        ],
    )
    def test_they_are_read_whole(self, name: str, rows: int, speakers: int, utterances: int, parts: set[str]) -> None:
        listed = read_mixtures(REAL / name)
        paths = [path for row in listed for path in row.paths]
        assert len(listed) == rows
        assert len({utterance_id(path)[:3] for path in paths}) == speakers
        assert len(set(paths)) == utterances
        assert {part_of(path) for path in paths} == parts
        assert all(path.split("/")[2] == utterance_id(path)[:3] for path in paths)
        for row in listed:
            first, second = map(float, row.snrs)
            assert first == -second
            assert 0 <= first < 2.5
            assert row.auxiliary is None

    @pytest.mark.parametrize("name", ["mix_2_spk_tt.txt", "mix_2_spk_cv.txt"])
    def test_names_are_unique_and_found_with_rounded_snrs(self, name: str) -> None:
        listed = read_mixtures(REAL / name)
        ids = [row.name for row in listed]
        assert len(set(ids)) == len(ids)
        twice = [key for key, n in Counter(row.utterances for row in listed).items() if n > 1]
        assert len(twice) == {"mix_2_spk_tt.txt": 2, "mix_2_spk_cv.txt": 1}[name]
        index = NameIndex(ids)
        for row in listed:
            for digits in (5, 4, 1):
                texts = [f"{float(snr):.{digits}f}" for snr in row.snrs]
                first, second = row.utterances
                spelt = f"{first}_{texts[0]}_{second}_{texts[1]}_{first[:3]}o0301.wav"
                assert index.match(spelt) == row.name

    def test_names_are_as_matlab_writes_them(self) -> None:
        """Five significant digits, without zeros at the end, as `num2str` has them."""
        for row in read_mixtures(REAL / "mix_2_spk_tt.txt"):
            assert [f"{float(snr):.5g}" for snr in row.snrs] == list(row.snrs)
