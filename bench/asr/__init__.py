"""Speech recognisers, text normalisers and word-error counts, for word error rates.

Other rooms use `protocol.open_recogniser`, `normalise.open_normaliser`, `languages.is_unspaced`,
`counting.count_errors` and `alignment`.
"""
