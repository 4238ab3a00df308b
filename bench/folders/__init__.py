"""bench/folders"""
