"""Few-shot adaptation of trained networks to new sound classes; `adapt.adapt` does it."""
