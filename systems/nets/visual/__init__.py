"""Visual front ends: pictures of lips to features on the frames of the audio.

Face: `alignment` places features of pictures on audio frames; `videos` pads the videos of a batch; `front_end` builds a
front end by its name: `resnet18` (MuSE's lip network), `slsyn` (reentry's synchrony network) or `drawn_mouth`.
"""
