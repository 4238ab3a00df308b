"""LauraTSE for tsebench's system `command`.

Put it into a clone of Beilong-Tang/lauraTSE_code with its environment, and give, from that folder:

    program: python lauratse_batch.py CONFIG.yaml MODEL.pth CODEC.pth CODEC.yaml {batch}
    sample_rate_hz: 16000
    time_limit_s: 600

It writes lists of the recordings and starts src/infer.py of that repository, which sets its own seed: all samples of a
query are alike. Answers have the length that the language model gives them; they are cut or padded to the mixture's.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import soundfile


def main(config, model, codec, codec_config, batch_file):
    """Answer the queries of a batch."""
    queries = json.loads(Path(batch_file).read_text(encoding="utf-8"))
    device = os.environ.get("TSEBENCH_DEVICE", "cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mixtures, references = [], []
        for number, query in enumerate(queries):
            # The answer is named by the mixture's file, and all of ours are called mixture.wav.
            link = folder / f"{number:04d}.wav"
            link.symlink_to(Path(query["mixture"]).resolve())
            mixtures.append(f"{number:04d} {link}")
            references.append(f"{number:04d} {Path(query['enrollments'][0]).resolve()}")
        (folder / "mix.scp").write_text("\n".join(mixtures) + "\n", encoding="utf-8")
        (folder / "ref.scp").write_text("\n".join(references) + "\n", encoding="utf-8")
        options = {
            "--mix_wav_scp": folder / "mix.scp",
            "--ref_wav_scp": folder / "ref.scp",
            "--output_dir": folder / "out",
            "--config": config,
            "--model_ckpt": model,
            "--codec_model_file": codec,
            "--codec_config_file": codec_config,
            "--num_proc": 1,
            "--gpus": device,
        }
        line = [sys.executable, "src/infer.py", *(str(part) for pair in options.items() for part in pair)]
        subprocess.run(line, check=True)
        for number, query in enumerate(queries):
            estimate, rate = soundfile.read(folder / "out" / f"{number:04d}.wav", dtype="float32")
            frames = soundfile.info(query["mixture"]).frames
            estimate = numpy.pad(estimate, (0, max(0, frames - len(estimate))))[:frames]
            soundfile.write(query["output"], estimate, rate, subtype="FLOAT")


if __name__ == "__main__":
    main(*sys.argv[1:])
