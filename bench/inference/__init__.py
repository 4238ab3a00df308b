"""bench/inference"""
