"""Checkpoints: weights, cards, cards of adapted networks."""
