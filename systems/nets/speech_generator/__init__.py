"""Generative networks of target speech: a compressed spectrum along a path, given mixture, clue and initial estimate.

Used elsewhere: `SpeechGenerator` (`net`), `SpeechGeneratorConfig` (`config`), `SpeechConditions` (`given`),
`posterior_mean` (`backbones`). Networks on the spectra are in `backbones` and `udit`.
"""
