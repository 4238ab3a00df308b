"""JAMS files of soundscapes, as Scaper writes them."""

from __future__ import annotations

from ..jams.soundscapes import jams_sidecars
from ..protocols.renderer import SIDECARS

for _renderer in ("scaper", "scaper_fix_clipping", "scaper_peak_normalised", "scaper_clipped"):
    SIDECARS.register(_renderer)(jams_sidecars)
