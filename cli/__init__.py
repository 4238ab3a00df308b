"""The command line: `tsebench X` is `cli/X.py`; `main.main` is the entry point."""
