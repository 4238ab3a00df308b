"""bench/statistics"""
