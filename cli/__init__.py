"""The command line: `tsebench X` is `cli/X.py`; `main` is the entry point."""
