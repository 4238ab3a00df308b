"""FSD50K: smeared labels, a vocabulary without header, an eval table without splits, uploaders."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.trees.audio import save

_GUITAR = "Guitar,Plucked_string_instrument,Musical_instrument,Music"
_DRUM = "Percussion,Musical_instrument,Music"
DEV = {
    "64760": (f"Electric_guitar,{_GUITAR}", "train", "casualsamples"),
    "5312": (f"Electric_guitar,Bass_guitar,{_GUITAR}", "train", "casualsamples"),
    "5313": (f"Bass_guitar,{_GUITAR}", "val", "bob"),
    "77": (_GUITAR, "train", "cid"),
    "144703": (f"Drum,Snare_drum,{_DRUM}", "val", "bob"),
    "142669": (f"Snare_drum,Drum,{_DRUM}", "train", "cid"),
    "142670": (f"Drum,{_DRUM}", "val", "bob"),
    "142671": (f"Tambourine,{_DRUM}", "train", "casualsamples"),
}
EVAL = {
    "37199": (f"Electric_guitar,Snare_drum,{_GUITAR},Drum,Percussion", "dan"),
    "353103": ("Yell,Shout,Human_voice", "dan"),
    "50178": ("Shout,Human_voice", "eve"),
    "431610": ("Chuckle_and_chortle,Laughter,Human_voice", "eve"),
    "54514": ("Waves_and_surf,Ocean,Water", "fay"),
    "187618": ("Water", "fay"),
}


def make_fsd50k(root: Path, *, metadata: bool = True) -> Path:
    """Eight dev and six eval clips; without `metadata` their uploaders are not known."""
    truth = root / "FSD50K.ground_truth"
    truth.mkdir(parents=True)
    clips = {name: labels for name, (labels, *_) in {**DEV, **EVAL}.items()}
    vocabulary = sorted({label for labels in clips.values() for label in labels.split(",")})
    lines = [f"{k},{label},{_mid(label)}" for k, label in enumerate(vocabulary)]
    (truth / "vocabulary.csv").write_text("\n".join(lines))
    dev = [f"{name},{_cells(labels)},{split}" for name, (labels, split, _) in DEV.items()]
    (truth / "dev.csv").write_text("\n".join(["fname,labels,mids,split", *dev, ""]))
    test = [f"{name},{_cells(labels)}" for name, (labels, _) in EVAL.items()]
    (truth / "eval.csv").write_text("\n".join(["fname,labels,mids", *test, ""]))
    for part, names in (("dev", DEV), ("eval", EVAL)):
        for name in names:
            path = root / f"FSD50K.{part}_audio" / f"{name}.wav"
            save(path, frames=4410, rate_hz=44_100, seed=int(name))
    if metadata:
        _metadata(root / "FSD50K.metadata")
    return root


def _metadata(folder: Path) -> None:
    folder.mkdir()
    for part, uploaders in (
        ("dev", {name: uploader for name, (_, _, uploader) in DEV.items()}),
        ("eval", {name: uploader for name, (_, uploader) in EVAL.items()}),
    ):
        info = {name: _info(name, uploader) for name, uploader in uploaders.items()}
        (folder / f"{part}_clips_info_FSD50K.json").write_text(json.dumps(info))


def _info(name: str, uploader: str) -> dict[str, object]:
    return {
        "title": f"{name}.wav",
        "description": 'a "clip",\r\nof sound',
        "tags": ["sound"],
        "license": "http://creativecommons.org/licenses/sampling+/1.0/",
        "uploader": uploader,
    }


def _cells(labels: str) -> str:
    mids = ",".join(_mid(label) for label in labels.split(","))
    return f'"{labels}","{mids}"' if "," in labels else f"{labels},{mids}"


def _mid(label: str) -> str:
    return f"/m/{label.lower()}"
