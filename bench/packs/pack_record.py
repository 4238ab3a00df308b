"""`pack.json`: the list of what a pack holds, with the hash of every file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from ...core.constraint_words import LABEL, PACKED_FOLDER
from ...core.validation import StrictModel

PACK, RUN, ROWS = "pack.json", "run.json", "rows.parquet"
ESTIMATES = "estimates"
"""Folder of the estimates in a pack, one sub-folder for each system and set."""

Sha256 = str


class PackedEstimates(StrictModel):
    """Estimates of one system on one set.

    Attributes:
        folder: of the files in the pack.
        files: SHA-256 (hex) of each file by its path below `folder`; of estimates that are not in the pack, too.
        included: whether the pack holds the files.
    """

    dataset: str = Field(pattern=LABEL)
    system: str = Field(min_length=1, max_length=200)
    folder: str = Field(pattern=PACKED_FOLDER)
    files: Mapping[str, Sha256]
    included: bool


class PackRecord(StrictModel):
    """Content of a pack.

    Attributes:
        version: of the layout of packs.
        team: name under which a board shows the pack.
        files: SHA-256 (hex) of each file of the pack by its path, without `pack.json` and the estimates.
    """

    version: Literal[1] = 1
    team: str = Field(pattern=LABEL)
    run_id: str
    created: str
    tsebench: str
    files: Mapping[str, Sha256]
    estimates: tuple[PackedEstimates, ...] = ()
