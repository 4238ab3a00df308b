"""FSDKaggle2018: two folders of audio, two tables; the test table may list padding clips."""

from __future__ import annotations

from pathlib import Path

from helpers.trees.audio import save

TRAIN = """\
fname,label,manually_verified,freesound_id,license
00044347.wav,Hi-hat,0,28739,Attribution
001ca53d.wav,Saxophone,1,358827,Attribution
002d256b.wav,Trumpet,0,10897,Creative Commons 0
0033e230.wav,Glockenspiel,1,325017,Attribution Noncommercial
fff81f55.wav,Cough,1,19117,Attribution
"""
TEST = """\
fname,label,usage,freesound_id,license
00326aa9.wav,Oboe,Private,355125,Attribution
00eac343.wav,Hi-hat,Public,371494,Creative Commons 0
"""
PADDING = "00063640.wav,None,Ignored,88926,Attribution\n"


def make_fsdkaggle2018(root: Path, *, padding: bool = False) -> Path:
    """Five training and two test clips; `padding` adds a row whose clip is not there."""
    meta = root / "FSDKaggle2018.meta"
    meta.mkdir(parents=True)
    (meta / "train_post_competition.csv").write_text(TRAIN)
    (meta / "test_post_competition_scoring_clips.csv").write_text(TEST + PADDING * padding)
    for part, table in (("train", TRAIN), ("test", TEST)):
        for k, row in enumerate(table.splitlines()[1:]):
            path = root / f"FSDKaggle2018.audio_{part}" / row.partition(",")[0]
            save(path, frames=4410 + k, rate_hz=44_100, seed=int(path.stem, 16))
    return root
