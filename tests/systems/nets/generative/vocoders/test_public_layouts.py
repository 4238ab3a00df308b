"""Full-size vocoders have the names and shapes of the public generators, once weight norm is folded in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from tsebench.core.errors import CheckpointError
from tsebench.systems.nets.generative.vocoders import files

V1 = {
    "resblock": "1", "upsample_rates": [8, 8, 2, 2], "upsample_kernel_sizes": [16, 16, 4, 4],
    "upsample_initial_channel": 512, "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]], "num_mels": 80, "hop_size": 256,
    "sampling_rate": 22050,
}  # fmt: skip
V3 = {
    **V1, "resblock": "2", "upsample_rates": [8, 8, 4], "upsample_kernel_sizes": [16, 16, 8],
    "upsample_initial_channel": 256, "resblock_kernel_sizes": [3, 5, 7],
    "resblock_dilation_sizes": [[1, 2], [2, 6], [3, 12]],
}  # fmt: skip
BIG = {
    **V1, "upsample_rates": [4, 4, 2, 2, 2, 2], "upsample_kernel_sizes": [8, 8, 4, 4, 4, 4],
    "upsample_initial_channel": 1536, "num_mels": 100, "sampling_rate": 24000, "fmax": 12000,
    "activation": "snakebeta", "snake_logscale": True,
}  # fmt: skip
BIG_V2 = {
    **BIG, "upsample_rates": [8, 4, 2, 2, 2, 2], "upsample_kernel_sizes": [16, 8, 4, 4, 4, 4], "num_mels": 128,
    "hop_size": 512, "n_fft": 2048, "win_size": 2048, "sampling_rate": 44100, "fmax": None,
    "use_tanh_at_final": False, "use_bias_at_final": False,
}  # fmt: skip
SMALL_BIG = {**BIG, **{key: V1[key] for key in ("upsample_rates", "upsample_kernel_sizes", "upsample_initial_channel")}}
# Config, parameters, and SHA-256 of the sorted lines "name shape" of the state dicts of jik876/hifi-gan, of AudioLDM's
# copy and of NVIDIA/BigVGAN, where a weight's direction and gain count as one weight.
PUBLIC: dict[str, tuple[dict[str, object], int, str]] = {
    "hifi_gan_v1": (V1, 13_926_017, "cc6776d021b5b1cc50f8725b808e3c5972443ed3c294e8b702ad396c354551e7"),
    "hifi_gan_v2": (
        {**V1, "upsample_initial_channel": 128},
        925_985,
        "0f040934c6bcbbc527adfbc2b3363d6360a7871013865a8dc6e8d8c2cdfe4131",
    ),
    "hifi_gan_v3": (V3, 1_462_273, "ea0ffb35225ccae8f86d784f25de119c00e69aa63599dc28b8d411948d935251"),
    "audioldm_16k": ({}, 55_264_897, "5537d1ab6014ff1a701db0f5a830cc071cc18838682d9a36fa1f0ff55ed94857"),
    "bigvgan_24khz_100band": (BIG, 112_414_513, "a98f494bade2aa17c8870703f164580dbb584fd0e684f9cf6c28d611dcf5159d"),
    "bigvgan_base": (SMALL_BIG, 14_015_041, "ac12492dd793c465f183c9367228937d7766c9a562c919fc91df210647868215"),
    "bigvgan_v2_44khz": (BIG_V2, 122_152_752, "9254cd958419412dd9ba6eadb5e2310928d39784ff5f7c9932e45dc72e430ae4"),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_names_and_shapes_are_the_public_ones(name: str, tmp_path: Path) -> None:
    config, count, digest = PUBLIC[name]
    if config:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with torch.device("meta"):
        net = files._net(files._config(tmp_path / "g.pt", where="vocoder"), is_big=name.startswith("big"))
    assert sum(parameter.numel() for parameter in net.parameters()) == count
    lines = sorted(f"{key} {list(value.shape)}" for key, value in net.state_dict().items())
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == digest


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_vocoder_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """A pickled network, and TorchScript, which is a program."""
    target = tmp_path / "was run"

    class Runs:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            import os

            return os.system, (f"touch {target}",)

    torch.save({"generator": {"conv_pre.weight": Runs()}}, tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=r"system' to be opened.*nothing in it was run"):
        files.load_vocoder(tmp_path / "g.pt")
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "script.pt"))
    with pytest.raises(CheckpointError, match="TorchScript model, which is a program"):
        files.load_vocoder(tmp_path / "script.pt")
    assert not target.exists()
