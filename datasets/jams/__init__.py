"""datasets/jams"""
