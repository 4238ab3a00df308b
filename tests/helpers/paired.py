"""Folders as `score` pairs them, without scoring them."""

from __future__ import annotations

from pathlib import Path

from tsebench.bench.folders.channels import channels_of
from tsebench.bench.folders.known_facts import FactFiles, read_facts
from tsebench.bench.folders.paired_files import PairedFiles, list_folders, paired


def pair_folders(estimates: Path, references: Path, *, transcripts: Path | None = None) -> PairedFiles:
    """Files of two folders of mono files."""
    facts = read_facts(FactFiles(transcripts=transcripts))
    return paired(list_folders(estimates, references, None), channels=channels_of(None), facts=facts)
