"""datasets/corpora/disk"""
