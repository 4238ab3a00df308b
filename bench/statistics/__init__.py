"""Means, intervals, pooled values and paired comparisons of score rows.

Other rooms use `aggregate.aggregate`, `aggregate_slices.aggregate_parts`, `samples.one_per_trial`,
`comparison.compare_pairs` (also `paired_difference`, `holm`, `rank_groups`), `pooling.pooling_of`,
`class_thresholds.threshold_sweep`.
"""

MOST_RESAMPLES = 100_000
"""Upper limit of bootstrap draws, which are held in memory at once."""
