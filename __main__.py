"""`python -m tsebench`."""

from .cli import main

main()
