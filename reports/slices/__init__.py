"""reports/slices"""
