"""Tables printed to a terminal."""
