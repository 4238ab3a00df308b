"""The JAMS file beside a soundscape, as Scaper writes it."""

from __future__ import annotations

from ..extras import SIDECARS
from ..soundscapes import jams_sidecars

for _renderer in ("scaper", "scaper_fix_clipping", "scaper_peak_normalised"):
    SIDECARS.register(_renderer)(jams_sidecars)
