"""reports/site/charts"""
