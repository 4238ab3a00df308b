"""bench/scoring"""
