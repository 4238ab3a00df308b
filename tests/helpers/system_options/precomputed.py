"""Folder with the mixture as the estimate of each query that the contract tests make."""

from __future__ import annotations

from pathlib import Path

import soundfile
from helpers.contract import LENGTHS_S, RATE_HZ, own_batch
from helpers.system_options import Options

from tsebench.doctor.system_checks import check_system
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard


class Recorder:
    """The mixture as a system that writes its estimates to a folder."""

    def __init__(self, folder: Path) -> None:
        self.card = SystemCard(name="recorder", family="external", description="recorder")
        self._folder = folder

    def extract(self, batch: QueryBatch) -> Extraction:
        for query_id, mixture, length in zip(batch.ids, batch.mixture, batch.lengths, strict=True):
            path = self._folder / f"{query_id}.wav"
            soundfile.write(path, mixture[0, :length], RATE_HZ, subtype="FLOAT")
        return Extraction(estimate=batch.mixture[:, 0])


def options(folder: Path) -> Options:
    recorder = Recorder(folder)
    check_system(recorder, sample_rate_hz=RATE_HZ, lengths_s=LENGTHS_S)
    recorder.extract(own_batch(recorder.card))
    return {"folder": str(folder)}
