"""`python -m tsebench`."""

from .cli.main import main

main()
