"""CLAPSep for tsebench's system `command`: texts on what is wanted and what is not wanted.

Put it into a clone of the space AisakaMikoto/CLAPSep of Hugging Face with its environment (laion_clap, loralib), and
give, from that folder:

    program: python clapsep_batch.py {batch}
    sample_rate_hz: 32000

It follows app.py of that space: ten seconds at a time, and an embedding of zeros for a text that is not there. A query
without a text is asked by its classes.
"""

import json
import os
import sys
from pathlib import Path

import soundfile
import torch
from model.CLAPSep import CLAPSep

SIZES = {
    "lan_embed_dim": 1024,
    "depths": [1, 1, 1, 1],
    "embed_dim": 128,
    "encoder_embed_dim": 128,
    "phase": False,
    "spec_factor": 8,
    "d_attn": 640,
    "n_masker_layer": 3,
    "conv": False,
}
CLAP, WEIGHTS = "model/music_audioset_epoch_15_esc_90.14.pt", "model/best_model.ckpt"
PART = 320_000  # samples at 32 kHz that the network takes


def embeddings(model, wanted, unwanted):
    """Embeddings [1, 512] of two texts; zeros for an empty one."""
    both = model.clap_model.get_text_embedding([wanted, unwanted], use_tensor=True)
    return [one if text else torch.zeros_like(one) for text, one in zip((wanted, unwanted), both.chunk(2), strict=True)]


def extract(model, mixture, clues, device):
    """The wanted sound [T] in a mixture [T]."""
    peak = float(mixture.abs().max())
    level = 0.9 / peak if peak > 1 else 1.0  # as the public script, and taken back below
    padded = torch.nn.functional.pad(mixture * level, (0, -len(mixture) % PART))
    parts = [model.inference_from_data(part[None].to(device), *clues) for part in padded.split(PART)]
    return torch.cat(parts, dim=1).flatten().cpu()[: len(mixture)] / level


def main(batch_file):
    """Answer the queries of a batch."""
    device = os.environ.get("TSEBENCH_DEVICE", "cpu")
    queries = json.loads(Path(batch_file).read_text(encoding="utf-8"))
    model = CLAPSep(SIZES, CLAP).to(device)
    model.load_state_dict(torch.load(WEIGHTS, map_location=device), strict=False)
    model.eval()
    for query in queries:
        samples, rate = soundfile.read(query["mixture"], dtype="float32", always_2d=True)
        wanted = query["text"] or " and ".join(query["classes"]).replace("_", " ")
        with torch.no_grad():
            clues = [each.to(device) for each in embeddings(model, wanted, query["negative_text"] or "")]
            estimate = extract(model, torch.from_numpy(samples[:, 0].copy()), clues, device)
        soundfile.write(query["output"], estimate.numpy(), rate, subtype="FLOAT")


if __name__ == "__main__":
    main(sys.argv[1])
