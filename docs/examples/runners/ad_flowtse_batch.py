"""AD-FlowTSE for tsebench's system `command`.

Put it into a clone of aleXiehta/AD-FlowTSE with its environment, set eval.checkpoint in the config, and give, from that
folder:

    program: python ad_flowtse_batch.py config/config_FlowTSE_large.yaml {batch}
    sample_rate_hz: 16000

It follows eval.py of that repository: stretches of 3 s, one Euler step. The mixing ratio is not taken from the truth:
it is that of the trained predictor if eval.t_predicter is a file, else 0.5. The level of the output is arbitrary: use
scale-invariant metrics.
"""

import json
import os
import sys
from pathlib import Path

import numpy
import soundfile
import torch
from eval import pad_and_reshape, reshape_and_remove_padding
from flow_matching.solver.ode_solver import ODESolver
from train import LightningModule, parse_config
from utils.transforms import istft_torch, stft_torch

ENROLLMENT_S = 3


def read(path):
    """First channel [T] of a wav file."""
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples[:, 0].copy())


def ratio_predictor(config, device):
    """The trained predictor of the mixing ratio, or one that says 0.5."""
    path = config["eval"].get("t_predicter")
    if not path or not Path(path).is_file():
        return lambda *_: torch.tensor([0.5])
    from models.t_predicter import TPredicter

    predictor = TPredicter(**config["t_predicter"]).eval().to(device)
    loaded = torch.load(path, map_location=device)
    state = loaded.get("state_dict", loaded)
    predictor.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})
    return lambda mixture, enrollment: predictor(mixture[None], enrollment[None], aug=False)


def main(config_file, batch_file):
    """Answer the queries of a batch."""
    device = os.environ.get("TSEBENCH_DEVICE", "cpu")
    config = parse_config(config_file)
    queries = json.loads(Path(batch_file).read_text(encoding="utf-8"))
    data = config["dataset"]
    sizes = {key: data[key] for key in ("n_fft", "hop_length", "win_length")}
    frames = data["sample_rate"] * ENROLLMENT_S // data["hop_length"] + 1
    model = LightningModule.load_from_checkpoint(config["eval"]["checkpoint"], config=config, map_location=device)
    model, predict = model.eval().to(device), ratio_predictor(config, device)
    for query in queries:
        mixture, enrollment = read(query["mixture"]).to(device), read(query["enrollments"][0]).to(device)
        wanted = data["sample_rate"] * ENROLLMENT_S
        enrollment = enrollment.repeat(-(-wanted // len(enrollment)))[:wanted]  # as long as in training
        with torch.no_grad():
            ratio = float(predict(mixture, enrollment))
            stretches, length = pad_and_reshape(stft_torch(mixture, **sizes)[None], frames)
            spectrum = ODESolver(velocity_model=model).sample(
                time_grid=torch.tensor([ratio, 1.0], device=device),
                x_init=stretches.float(),
                method=config["solver"]["method"],
                step_size=config["solver"]["test_step_size"],
                enrollment=stft_torch(enrollment, **sizes)[None].repeat(len(stretches), 1, 1),
            )
            whole = reshape_and_remove_padding(spectrum, length)
            estimate = istft_torch(whole, **sizes, length=len(mixture)).flatten().cpu().numpy()
        peak = float(numpy.abs(estimate).max())
        soundfile.write(query["output"], estimate / max(1.0, peak), data["sample_rate"], subtype="FLOAT")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
