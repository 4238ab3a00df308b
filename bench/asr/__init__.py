"""Speech recognisers, text normalisers and word-error counts, for word error rates.

Other rooms use `protocol.open_recogniser`, `normalise.open_normaliser` and `clean_reference`, `counting.count_errors`
and `alignment`.
"""
