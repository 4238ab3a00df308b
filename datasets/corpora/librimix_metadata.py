"""The metadata of LibriMix: tables of mixtures and of recordings, without audio."""

from __future__ import annotations

from ..protocols.corpus import CORPORA
from .disk.list_folder import ListFolder


@CORPORA.register("librimix_metadata")
class LibriMixMetadata(ListFolder):
    """The folder `metadata` of LibriMix's repository, and maps of enrollments put into it.

    The builder `librimix` reads `Libri2Mix/libri2mix_test-clean.csv` and so on, and `LibriSpeech/test-clean.csv` for
    the lengths of utterances where it exists.
    """

    title = "LibriMix metadata"
    get = "get it with `git clone https://github.com/JorisCos/LibriMix` and name it with --corpus"
    version = "LibriMix"
    licence = "MIT"
