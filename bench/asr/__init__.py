"""Speech recognisers, text normalisers and word-error counts: what the word error rate needs."""
