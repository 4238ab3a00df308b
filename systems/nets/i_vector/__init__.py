"""i-vectors: MFCC, universal background model, total variability.

Used elsewhere: `IVectorConfig`, `IVectorExtractor` (`extractor`) and `fit_extractor` (`fit`).
"""
