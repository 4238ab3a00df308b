"""reports/papers/tables"""
