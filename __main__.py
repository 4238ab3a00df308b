"""`python -m tsebench`."""

from .cli.entry import entry

entry()
