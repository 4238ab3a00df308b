"""Checkpoints: weights and their cards.

Used elsewhere: `load_checkpoint`, `save_checkpoint`, `CheckpointCard`, `trained_on` (`checkpoint`), `AdaptOptions` and
`Adaptation` (`adaptation_card`), `open_net` (`networks`).
"""
