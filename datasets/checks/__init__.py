"""datasets/checks"""
