"""The lists that WSJ0-2mix and related sets are made from, without audio."""

from __future__ import annotations

from ..protocols.corpus import CORPORA
from .disk.list_folder import ListFolder


@CORPORA.register("wsj0_mix_lists")
class Wsj0MixLists(ListFolder):
    """A folder of lists, such as `metadata` of pywsj0-mix.

    The builder `wsj0_mix` reads `mix_2_spk_tt.txt` and so on, the active levels `activlev/activlev_si_et_05.txt` and so
    on, and lists of auxiliary utterances.
    """

    title = "lists of WSJ0 mixtures"
    get = (
        "the lists come with MERL's scripts, the levels with github.com/mpariente/pywsj0-mix; put "
        "them into one folder and name it with --corpus"
    )
    version = "MERL 2016"
    licence = "Apache-2.0"
