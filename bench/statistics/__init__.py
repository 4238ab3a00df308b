"""Means, intervals, pooled values and paired comparisons of score rows."""
