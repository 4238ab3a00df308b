"""LibriMix sets: official `tables`, and `recipes` made from them."""
