"""Listening tests: `export_test` writes a page for listeners, `import_answers` makes rows of what they say.

Designs are in `DESIGNS`: MUSHRA, absolute category rating after P.808, and comparisons of pairs.
"""
