"""Missing recordings are counted and named, for all builders; the rest can be built."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
from helpers.builds import make_set
from helpers.trees.fuss import make_fuss
from helpers.trees.partial import CASES, Partial

from tsebench.bench.run.new_record import dataset_record
from tsebench.core.errors import CorpusError, TsebenchError
from tsebench.datasets.build import build, materialise
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.checks.finding import Finding
from tsebench.datasets.config import CorpusConfig, DatasetConfig, open_corpora
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.missing import MissingRecordingsError
from tsebench.datasets.protocols.builder import BUILDERS


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Partial:
    if request.param.startswith("vox2"):
        pytest.importorskip("av", reason="PyAV is not installed")
    return CASES[request.param](tmp_path / "corpora")


def test_no_builder_is_forgotten(tmp_path: Path) -> None:
    made = (make(tmp_path / name) for name, make in CASES.items() if not name.startswith("vox2"))
    assert {case.config.builder for case in made} | {"vox2_mix"} == set(BUILDERS)


def test_one_line_counts_and_names_what_is_missing(case: Partial, tmp_path: Path) -> None:
    for path in case.gone:
        (case.root / path).unlink()
    with pytest.raises(TsebenchError) as caught:
        build(case.config, tmp_path / "set", corpus_dirs=case.folders)
    line = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in line
    count = len(case.gone)
    assert any(f"{start}{count} of " in line for start in (" ", "("))
    assert repr(case.named or min(case.gone)) in line
    assert repr(case.corpus) in line
    assert line.count("complete the corpus") == 1
    assert line.count("--allow-missing") == 1
    assert not (tmp_path / "set" / "card.json").exists()


def test_the_rest_can_be_built_and_says_what_it_lacks(case: Partial, tmp_path: Path) -> None:
    whole = build(case.config, tmp_path / "whole", corpus_dirs=case.folders)
    assert whole.card.missing == ()
    for path in case.gone:
        (case.root / path).unlink()
    build(case.config, tmp_path / "set", corpus_dirs=case.folders, allow_missing=True)
    part = load_dataset(tmp_path / "set", corpus_dirs=case.folders)
    card = part.card
    assert card.counts["missing_recordings"] == len(case.gone)
    names = [case.named] if case.named else sorted(case.gone)
    assert list(card.missing) == [f"{case.corpus}:{name}" for name in names]
    assert card.fingerprint != whole.card.fingerprint
    short = card.counts.get("excluded_mixtures_too_few_recordings", 0)
    assert card.counts.get("excluded_mixtures_missing_recording", 0) + short == (case.lost or 0)
    assert card.counts["mixtures"] == whole.card.counts["mixtures"] - (case.lost or 0)
    assert card.counts["trials"] == len(part)
    if case.lost is not None:  # what is left is as it was
        assert all(whole.mixtures[name] == mixture for name, mixture in part.mixtures.items())
    findings = {finding.check: finding for finding in validate(part)}
    assert all(finding.ok for finding in findings.values()), findings
    summary = findings["counts"].detail
    assert summary.startswith(f"recordings missing: {len(case.gone)} (the first is ")
    assert f"mixtures left out for them: {(case.lost or 0) - short}" in summary
    assert (f"too few recordings are left to enroll with: {short}" in summary) == (short > 0)
    assert dataset_record(part, systems={}, skipped={}).missing == summary


def test_what_other_splits_lack_does_not_matter(case: Partial, tmp_path: Path) -> None:
    if not case.other:
        pytest.skip("the set needs all that the corpus has")
    whole = build(case.config, tmp_path / "whole", corpus_dirs=case.folders)
    for path in case.other:
        (case.root / path).unlink()
    again = build(case.config, tmp_path / "set", corpus_dirs=case.folders)
    assert again.card == whole.card
    for path in case.other[:1]:  # nor what is half copied
        (case.root / path).write_bytes(b"RIFF")
    again = build(case.config, tmp_path / "other", corpus_dirs=case.folders)
    assert again.card == whole.card


def test_validate_counts_and_names_what_was_deleted_later(case: Partial, tmp_path: Path) -> None:
    whole = build(case.config, tmp_path / "set", corpus_dirs=case.folders)
    used = sorted(file.path for file in whole.manifest.files if file.corpus == case.corpus)
    for path in used[:2]:
        (whole.corpora[case.corpus].root / path).unlink()  # type: ignore[attr-defined]
    opened = load_dataset(tmp_path / "set", corpus_dirs=case.folders)
    (finding,) = (found for found in validate(opened) if found.check == "recordings")
    assert not finding.ok
    assert Path(used[0]).name in finding.detail
    assert finding.detail.endswith("(2 in all)") == (len(used) > 1)


def test_validate_counts_and_names_materialised_files(tmp_path: Path) -> None:
    case = CASES["librimix_of_librispeech"](tmp_path / "corpora")
    folder = tmp_path / "set"
    dataset = build(case.config, folder, corpus_dirs=case.folders)
    assert "files" not in {finding.check for finding in validate(dataset, folder=folder)}
    materialise(dataset, folder)

    def files() -> Finding:
        (found,) = (f for f in validate(dataset, folder=folder) if f.check == "files")
        return found

    written = sorted((folder / "audio").rglob("*.wav"))
    assert (files().ok, files().looked_at) == (True, len(written))
    written[1].unlink()
    cut = written[2].read_bytes()
    written[2].write_bytes(cut[:-2])  # one sample
    first = written[1].relative_to(folder).as_posix()
    assert files().detail.startswith(
        f"2 of the {len(written)} files of audio/ are missing or cut, the first is {first!r}; "
    )
    assert not files().ok
    materialise(dataset, folder)
    assert files().ok
    assert written[2].read_bytes() == cut
    (folder / "audio" / "fingerprint").write_text("another\n")
    assert "holds files of another build (fingerprint another, not " in files().detail


def test_a_half_copied_file_counts_as_missing(tmp_path: Path) -> None:
    """Its header is whole, and its end is not there; so a mixture that reads it is left out."""
    case = CASES["librimix_of_librispeech"](tmp_path / "corpora")
    config = case.config.model_copy(update={"params": {**case.config.params, "measure_snr": True}})
    path = case.root / case.gone[0]
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(TsebenchError, match=r"\(1 of corpus 'librispeech'\), the first is .*60-7-"):
        build(config, tmp_path / "set", corpus_dirs=case.folders)
    part = build(config, tmp_path / "set", corpus_dirs=case.folders, allow_missing=True)
    assert part.card.missing == (f"librispeech:{case.gone[0]}",)
    assert part.card.counts["excluded_mixtures_missing_recording"] == 1


@pytest.mark.parametrize("content", [b"", b"RIFF"])
def test_files_without_a_header_can_be_left_out(content: bytes, tmp_path: Path) -> None:
    case = CASES["fewshot_of_a_table"](tmp_path / "corpora")
    for path in case.gone:
        (case.root / path).write_bytes(content)
    with pytest.raises(TsebenchError, match=r"3 of 30 files .*or leave them out with --allow-miss"):
        build(case.config, tmp_path / "set", corpus_dirs=case.folders)
    part = build(case.config, tmp_path / "set", corpus_dirs=case.folders, allow_missing=True)
    assert part.card.counts["missing_recordings"] == 3
    assert part.card.missing == tuple(f"sounds:{path}" for path in case.gone)


def test_several_corpora_and_splits_are_counted_in_one_line(tmp_path: Path) -> None:
    case = CASES["fewshot_of_a_table"](tmp_path / "corpora")
    tau = CASES["sound_mix_on_tau2019"](tmp_path / "tau")
    params = {**case.config.params, "background": {"corpus": "tau2019"}, "duration_s": 0.01}
    params = {**params, "event_s": [0.005, 0.01], "level": "power", "renderer": "standard"}
    content = {**case.config.model_dump(), "params": params}
    content["corpora"] |= {"tau2019": {"kind": "tau2019"}}
    config = DatasetConfig.model_validate(content)
    folders = {**case.folders, "tau2019": tau.folders["tau2019"]}
    whole = build(config, tmp_path / "whole", corpus_dirs=folders)
    gone = [*(case.root / path for path in case.gone), case.root / "class1/1.wav"]  # a known clip
    for path in (*gone, *(tau.root / path for path in tau.gone)):
        path.unlink()
    with pytest.raises(
        CorpusError,
        match=r"1 of the 3 files .* \(the set lacks 5 recordings: 4 of corpus 'sounds' and 1 of "
        r"corpus 'tau2019'\)$",
    ):
        build(config, tmp_path / "set", corpus_dirs=folders)
    part = build(config, tmp_path / "set", corpus_dirs=folders, allow_missing=True)
    assert part.card.counts["missing_recordings"] == 5
    assert whole.card.missing == ()


def test_splits_do_not_depend_on_what_is_there(tmp_path: Path) -> None:
    """A held-out share is of the whole table."""
    case = CASES["sound_mix_of_fsdkaggle2018"](tmp_path / "corpora")
    options = {"valid_share": 0.5}
    config = CorpusConfig(kind="fsdkaggle2018", options=options)

    def splits(*, allow_missing: bool) -> dict[str, str]:
        corpora = open_corpora({"fsd": config}, {"fsd": case.root}, allow_missing=allow_missing)
        return {recording.path: recording.split for recording in corpora["fsd"].recordings()}

    whole = splits(allow_missing=False)
    assert set(whole.values()) == {"train", "valid", "test"}
    gone = min(path for path, split in whole.items() if split == "valid")
    (case.root / gone).unlink()
    assert splits(allow_missing=True) == {p: s for p, s in whole.items() if p != gone}


def test_a_folder_that_lists_itself_tells_how_many_files_its_release_has(tmp_path: Path) -> None:
    """The corpus has no list of its files, so the set is built, and its card says so."""
    params = {"count": 2, "sounds": {"corpus": "fuss"}, "n_events": [1, 1]}
    config = DatasetConfig.model_validate(
        {"name": "small", "builder": "fuss_style", "corpora": {"fuss": {"kind": "fuss"}}, "params": params}
    )
    built = build(config, tmp_path / "set", corpus_dirs={"fuss": make_fuss(tmp_path / "fuss")})
    assert built.card.notes[-1] == (
        "corpus 'fuss' has 2 of the 2257 files of fsd_data/eval/sound; which ones are missing "
        "is unknown, and a complete copy gives another set"
    )
    assert built.card.missing == ()


def test_scarce_enrollments_of_a_complete_corpus_are_an_error(tmp_path: Path) -> None:
    config, folders = make_set("wsj0_mix", tmp_path)
    config = config.model_copy(update={"params": {"enrollments": 9}})
    for allowed in (False, True):
        with pytest.raises(TsebenchError, match=r"recordings that the mixture does not use, but 9"):
            build(config, tmp_path / "set", corpus_dirs=folders, allow_missing=allowed)


def test_a_corpus_without_any_file_is_refused_even_if_some_may_be_missing(tmp_path: Path) -> None:
    case = CASES["sound_mix_of_fsdkaggle2018"](tmp_path / "corpora")
    shutil.rmtree(case.root / "FSDKaggle2018.audio_train")
    for allowed in (False, True):
        with pytest.raises(TsebenchError, match=r"has no FSDKaggle2018\.audio_train; get it from"):
            build(case.config, tmp_path / "set", corpus_dirs=case.folders, allow_missing=allowed)


def test_the_error_comes_home_from_a_worker_process() -> None:
    error = MissingRecordingsError({("a", "b.wav"): "no b", ("a", "c.wav"): "no c"})
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reasons) == ("no b", error.reasons)
