"""CLAP's embeddings of texts as AudioSep's own encoder makes them, for the system `audiosep`.

Put it into a clone of Audio-AGI/AudioSep with its environment and checkpoint/, and give, from that folder, a file for
the embeddings and the texts: words, or the trials.jsonl of data sets, whose texts and classes are taken.

    python audiosep_embeddings.py embeddings.json sets/mini_sounds_text/trials.jsonl "a dog barking"
"""

import json
import sys
from pathlib import Path

import torch
from models.clap_encoder import CLAP_Encoder

AT_ONCE = 32


def texts_of(argument):
    """The argument itself, or texts and classes of the trials in a file."""
    if not argument.endswith(".jsonl"):
        return [argument]
    clues = [json.loads(line)["clue"] for line in Path(argument).read_text(encoding="utf-8").splitlines()]
    return [text for clue in clues for text in (clue["text"], *clue["classes"]) if text]


def main(path, *arguments):
    """Write the embedding of each text to a file."""
    texts = {}
    for argument in arguments:
        for text in texts_of(argument):
            texts.setdefault(" ".join(text.replace("_", " ").casefold().split()), text)
    encoder, table = CLAP_Encoder().eval(), {}
    words = list(texts.values())
    for start in range(0, len(words), AT_ONCE):
        some = words[start : start + AT_ONCE]
        with torch.no_grad():
            found = encoder.get_query_embed(modality="text", text=[text.replace("_", " ") for text in some])
        table.update(zip(some, found.tolist(), strict=True))
    Path(path).write_text(json.dumps(table), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
