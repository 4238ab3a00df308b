"""Helpers of the tests: made-up runs, voices, networks, browsers, and small corpus trees."""
