"""Topics by kind: `configs` (run, train, adapt), `builders` (and datasets, corpora), `metrics`, `systems`, `reports`."""
