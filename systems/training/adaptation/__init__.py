"""systems/training/adaptation"""
