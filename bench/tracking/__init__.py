"""bench/tracking"""
