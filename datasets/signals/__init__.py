"""Audio and video files, levels, and the arithmetic of mixing."""
