"""datasets/signals"""
