"""datasets/builders/shared/jams"""
