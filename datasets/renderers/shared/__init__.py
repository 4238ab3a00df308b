"""datasets/renderers/shared"""
