"""Code that corpora on disk share: layouts, listings, tables."""
