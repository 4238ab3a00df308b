"""Signal processing of datasets: `audio` and `video` files, `clips` of corpora, `mixing`, `active_level`."""
