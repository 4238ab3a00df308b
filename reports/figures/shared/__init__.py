"""reports/figures/shared"""
