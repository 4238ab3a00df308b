"""Boards of packs: `add_pack` admits a submission or refuses it, `write_pages` shows verified and claimed values apart.

`BoardRecord` is what a board's folder remembers.
"""
