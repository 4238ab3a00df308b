"""Few-shot adaptation of trained networks to new sound classes."""
