"""Training of networks on mixtures that are drawn on the fly.

`train.train` runs a `config.TrainConfig`; tasks of systems use `losses.build_loss` and `pit`; `data.collate` pads
trials to a `trainable.TrainBatch`; `adaptation` adds classes to a trained SoundBeam.
"""
