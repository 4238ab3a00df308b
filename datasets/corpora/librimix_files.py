"""Files that the script of LibriMix wrote: mixtures, sources and tables."""

from __future__ import annotations

from ..protocols.corpus import CORPORA
from .disk.layout import Release
from .disk.signal_tree import SignalTree


@CORPORA.register("librimix_files")
class LibriMixFiles(SignalTree):
    """`Libri2Mix/wav{8k,16k}/{min,max}/{train-100,train-360,dev,test}/{mix_clean,mix_both,mix_single,s1,s2,noise}`.

    The splits are those parts of LibriSpeech that the mixtures are made of. Tables in `metadata` may hold the paths of
    another machine: only their names of mixtures count.
    """

    release = Release(title="output of LibriMix's script", source="github.com/JorisCos/LibriMix")
    split_names = {  # noqa: RUF012 - not changed
        "train-100": "train-clean-100",
        "train-360": "train-clean-360",
        "dev": "dev-clean",
        "test": "test-clean",
    }
    version = "LibriMix"
    licence = "CC BY 4.0; with noise of WHAM CC BY-NC 4.0"
