"""Checkpoint of SGMSE with random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.sgmse_files import hyper_parameters, network, saved
from helpers.system_options import Options


def options(folder: Path) -> Options:
    # Four levels, so that attention over half a minute is small.
    sizes = {"ch_mult": (1, 1, 1, 1), "attn_resolutions": [], "hop_length": 15, "sr": 8000}
    net = network(multipliers="1,1,1,1", attention="")
    return {"model": saved(folder, net=net, hyper=hyper_parameters(**sizes)), "steps": 1}
