"""reports/papers/tables/shared"""
