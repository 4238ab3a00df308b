"""datasets/builders/shared/wsj0"""
