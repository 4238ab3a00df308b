"""Files that the scripts of WSJ0-2mix, of its kin and of WSJ0-2mix-extr wrote."""

from __future__ import annotations

from ..protocols.corpus import CORPORA
from .disk.layout import Release
from .disk.signal_tree import SignalTree


@CORPORA.register("wsj0_mix_files")
class Wsj0MixFiles(SignalTree):
    """`2speakers/wav{8k,16k}/{min,max}/{tr,cv,tt}/{mix,s1,s2}`, and `{mix,s1,aux}` of WSJ0-2mix-extr."""

    release = Release(title="output of the scripts of WSJ0-2mix", source="MERL's or WSJ0-2mix-extr's scripts")
    split_names = {"tr": "tr", "cv": "cv", "tt": "tt"}  # noqa: RUF012 - not changed
    version = "MERL 2016"
    licence = "LDC"
