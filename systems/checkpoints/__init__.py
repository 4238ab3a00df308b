"""systems/checkpoints"""
