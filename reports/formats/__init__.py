"""Report formats, one file each: a file's name is the name for `--format`.

`registry` has `REPORTS`, `load_report` and `write_board`.
"""
