"""CLAP's embeddings of sound classes or texts, as the system `soloaudio` reads them.

    pip install transformers torch
    python clap_embeddings.py embeddings.json "Acoustic guitar" "Bark" "the sound of a bell"

The empty text, for guidance, is added.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoProcessor, ClapModel

CLAP = "laion/larger_clap_general"


def main(path, *texts):
    """Write the embeddings of the texts to a file."""
    model, processor = ClapModel.from_pretrained(CLAP).eval(), AutoProcessor.from_pretrained(CLAP)
    with torch.no_grad():
        found = model.get_text_features(**processor(text=[*texts, ""], return_tensors="pt", padding=True))
    table = dict(zip([*texts, ""], found.tolist(), strict=True))
    Path(path).write_text(json.dumps(table), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
