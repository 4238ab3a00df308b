"""Visual front ends: pictures of lips to features on the frames of the audio.

Face: `alignment` places features of pictures on audio frames; `videos` pads the videos of a batch; `front_end` builds a
front end by its name: `LipResNet` (MuSE), `SynchronyNet` (reentry) or `DrawnMouth`.
"""
