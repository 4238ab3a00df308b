"""Submissions: a run as one file that others can check, and the check.

`write_pack` makes a pack of a run folder; `open_pack` reads one of a stranger, whose content is data and never code;
`verify_pack` scores its estimates again and says what differs (`Verification`).
"""
