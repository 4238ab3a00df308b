"""reports/terminal"""
