"""datasets/builders/shared"""
