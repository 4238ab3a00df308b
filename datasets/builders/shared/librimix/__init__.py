"""datasets/builders/shared/librimix"""
