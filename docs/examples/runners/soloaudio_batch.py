"""SoloAudio for tsebench's system `command`, with a recording of the wanted sound as the clue.

Put it into a clone of WangHelin1997/SoloAudio with its environment and pretrained_models/, and give, from that folder:

    program: python soloaudio_batch.py {batch}
    sample_rate_hz: 24000

It follows tse.py of that repository: CLAP embedding of the first ten seconds of the enrollment, 50 steps, eta 0.
"""

import json
import os
import sys
from pathlib import Path

import soundfile
import torch
import yaml
from diffusers import DDIMScheduler
from model.udit import UDiT
from transformers import AutoProcessor, ClapModel
from vae_modules.autoencoder_wrapper import Autoencoder

CLAP, CLAP_HZ, CLAP_S = "laion/larger_clap_general", 48000, 10
STEPS = 50


def embedding(path, model, processor, device):
    """CLAP embedding [1, 512] of a recording."""
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != CLAP_HZ:
        import torchaudio

        samples = torchaudio.functional.resample(torch.from_numpy(samples), rate, CLAP_HZ).numpy()
    samples = samples[: CLAP_HZ * CLAP_S]
    padded = torch.nn.functional.pad(torch.from_numpy(samples), (0, CLAP_HZ * CLAP_S - len(samples)))
    features = processor(audios=[padded.numpy()], sampling_rate=CLAP_HZ, return_tensors="pt", padding=True)
    return model.get_audio_features(input_features=features["input_features"][:1].to(device))


def main(batch_file):
    """Answer the queries of a batch."""
    device = os.environ.get("TSEBENCH_DEVICE", "cpu")
    config = yaml.safe_load(Path("config/SoloAudio.yaml").read_text(encoding="utf-8"))
    queries = json.loads(Path(batch_file).read_text(encoding="utf-8"))
    clap, processor = ClapModel.from_pretrained(CLAP).to(device).eval(), AutoProcessor.from_pretrained(CLAP)
    autoencoder = Autoencoder("pretrained_models/audio-vae.pt", "stable_vae", quantization_first=True).eval().to(device)
    net = UDiT(**config["diffwrap"]["UDiT"]).to(device).eval()
    net.load_state_dict(torch.load("pretrained_models/soloaudio_v2.pt", map_location=device)["model"])
    scheduler = DDIMScheduler(**config["ddim"]["diffusers"])
    for query in queries:
        samples, rate = soundfile.read(query["mixture"], dtype="float32", always_2d=True)
        generator = torch.Generator(device=device).manual_seed(query["seed"])
        with torch.no_grad():
            clue = embedding(query["enrollments"][0], clap, processor, device)
            mixture = autoencoder(audio=torch.from_numpy(samples[:, 0].copy())[None, None].to(device))
            scheduler.set_timesteps(STEPS)
            state = torch.randn(mixture.shape, generator=generator, device=device)
            for step in scheduler.timesteps:
                predicted = net(x=state, timesteps=step, mixture=mixture, timbre=clue)
                drawn = scheduler.step(predicted, step, state, eta=0, generator=generator)
                state = drawn.prev_sample
            estimate = autoencoder(embedding=state).flatten().cpu()
        estimate = torch.nn.functional.pad(estimate, (0, max(0, len(samples) - len(estimate))))[: len(samples)]
        soundfile.write(query["output"], estimate.numpy(), rate, subtype="FLOAT")


if __name__ == "__main__":
    main(sys.argv[1])
