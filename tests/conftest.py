"""Makes `trees`, the small copies of corpora that tests write, importable from every test."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
