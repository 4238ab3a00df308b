"""Files for a hub, with a page in words: of checkpoints, packs and boards.

Used elsewhere: `upload_of` (`uploads`), which finds out what a path holds.
"""
