"""bench/metrics/shared"""
