"""bench/run"""
