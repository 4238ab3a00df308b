"""systems/shared"""
