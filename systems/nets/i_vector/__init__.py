"""i-vectors: MFCC, universal background model, total variability."""
