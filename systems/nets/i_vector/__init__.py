"""systems/nets/i_vector"""
