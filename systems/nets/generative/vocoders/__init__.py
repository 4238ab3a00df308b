"""Vocoders: from log-mel spectra to waveforms.

A `Vocoder` is either `GriffinLim`, the embedded one, which searches a phase from that of the mixture on, or a network
of the user's, in the layouts of `hifi_gan` and `big_vgan`, see `files`. `open_vocoder` gives either.
"""
