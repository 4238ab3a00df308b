"""The lists that WSJ0-2mix and its kin are made from, without audio."""

from __future__ import annotations

from ..protocols.corpus import CORPORA
from .disk.lists import Lists


@CORPORA.register("wsj0_mix_lists")
class Wsj0MixLists(Lists):
    """A folder of lists, such as `metadata` of pywsj0-mix.

    It has no recordings. The builder `wsj0_mix` reads `mix_2_spk_tt.txt` and so on, the active
    levels `activlev/activlev_si_et_05.txt` and so on, and lists of auxiliary utterances. It is
    needed to build a set, and not to open one.

    Args:
        name: what datasets call it.
        root: the folder, or the one that holds `metadata`.
    """

    title = "lists of WSJ0 mixtures"
    get = (
        "the lists come with MERL's scripts, the levels with github.com/mpariente/pywsj0-mix; put "
        "them into one folder and name it with --corpus"
    )
    version = "MERL 2016"
    licence = "Apache-2.0"
