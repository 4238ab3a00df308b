"""Base classes of corpora on disk (`DiskCorpus`, `ListedCorpus`, `ListFolder`), and `read_table`."""
