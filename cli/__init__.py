"""The command line: `tsebench X` is `cli/X.py`; `entry.entry` is the entry point, which calls `main.main`."""
