"""reports/tables"""
