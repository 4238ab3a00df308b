"""REAL-T: two source corpora in two lists, mixtures, enrollments, and records of who speaks when for one of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from helpers.trees.audio import save

RATE_HZ = 16_000
COLUMNS = (
    *("mixture_utterance", "enrolment_speakers_utterance", "source", "language", "total_number_of_speaker", "speaker"),
    *("gender", "speaker_ratio", "mixture_ratio", "enrolment_speakers_duration", "mixture_overlap_duration"),
    *("mixture_duration", "ground_truth_transcript"),
)
ZH, EN = "R8004_M8006_MS805_mixture_1713.06_1714.06", "IS1009a_mixture_10.50_11.50"
ENROLLED = {
    ZH: ("R8004_M8006_MS805_N_SPK8031_3.46_4.35", "R8004_M8006_MS805_N_SPK8032_9.00_9.80"),
    EN: ("IS1009a_FIE088_20.00_20.70",),
}
SPEAKERS = {ZH: ("SPK8031", "SPK8032"), EN: ("FIE088",)}
SAID = {ZH: ("主题不一样", "嗯"), EN: ("Okay, so (uh) that's it.",)}


def make_real_t(root: Path) -> Path:
    """PRIMARY with two speakers of one mixture in Mandarin and one trial in English; BASE with one trial."""
    _table(root / "PRIMARY/AliMeeting_meta.csv", ZH, "AliMeeting", "zh", 2)
    _table(root / "PRIMARY/AMI_meta.csv", EN, "AMI", "en", 1)
    _table(root / "BASE/AliMeeting_meta.csv", ZH, "AliMeeting", "zh", 1)
    for seed, (mixture, enrolled) in enumerate(ENROLLED.items()):
        save(root / "mixtures" / f"{mixture}.wav", frames=RATE_HZ, rate_hz=RATE_HZ, seed=seed)
        for more, name in enumerate(enrolled):
            save(root / "enrolment_speakers" / f"{name}.wav", frames=8000, rate_hz=RATE_HZ, seed=10 * seed + more + 5)
    record = {
        "overlap_info": {"overlap_start_time": 1713.061, "overlap_end_time": 1714.06},
        "overlap_segments": [
            {"speaker": "SPK8031", "start_time": 1712.5, "end_time": 1713.46},
            {"speaker": "SPK8032", "start_time": 1713.26, "end_time": 1713.86},
            {"speaker": "SPK8031", "start_time": 1713.76, "end_time": 1715.0},
        ],
    }
    folder = root / "json/AliMeeting"
    folder.mkdir(parents=True)
    (folder / "overlap_records.json").write_text(json.dumps({"R8004_M8006_MS805": [record]}))
    return root


def _table(path: Path, mixture: str, source: str, language: str, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for enrolled, speaker, text in [*zip(ENROLLED[mixture], SPEAKERS[mixture], SAID[mixture], strict=True)][:count]:
            writer.writerow([mixture, enrolled, source, language, 2, speaker, "F", 0.5, 0.61, 0.9, 0.3, 1.0, text])
