"""datasets/protocols"""
