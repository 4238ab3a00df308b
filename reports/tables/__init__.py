"""Printed tables, and one escaper for each output language."""
