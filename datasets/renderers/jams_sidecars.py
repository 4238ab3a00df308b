"""The JAMS file beside a soundscape, as Scaper writes it."""

from __future__ import annotations

from ..jams.soundscapes import jams_sidecars
from ..renderer_extras import SIDECARS

for _renderer in ("scaper", "scaper_fix_clipping", "scaper_peak_normalised"):
    SIDECARS.register(_renderer)(jams_sidecars)
