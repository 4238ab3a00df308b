"""datasets/builders/shared/av"""
