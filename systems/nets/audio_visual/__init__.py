"""Networks that look at the lips of the wanted speaker.

Face: `clue` has their input and output; `extractor` the Conv-TasNet that all are made of; `av_conv_tasnet`, `muse`,
`reentry` and `av_onoff` are the networks.
"""
