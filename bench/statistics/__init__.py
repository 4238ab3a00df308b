"""Means, intervals, pooled values and paired comparisons of score rows.

Other rooms use `aggregate.aggregate` and `Aggregate`, `aggregate_slices.aggregate_parts`, `comparison.compare_pairs`,
`paired_difference`, `holm` and `rank_groups`, `pooling.pooling_of` and `decisions`, `class_thresholds.threshold_sweep`.
"""
