"""`tsebench score`: audio files paired by name.

`score.score_folders` scores them as a run, `variants.score_variants` computes every variant of the usual metrics, and
`claimed_numbers.nearest` finds the variant that a published number fits.
"""
