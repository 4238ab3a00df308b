"""What is pushed to a hub: files and a page of words for each kind of thing.

Used elsewhere: `upload_of` (`uploads`), which finds out what a path holds.
"""
