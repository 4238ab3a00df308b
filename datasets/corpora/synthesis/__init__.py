"""datasets/corpora/synthesis"""
