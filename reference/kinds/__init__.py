"""Topics by kind: `configs` (run, dataset, train), `entries` (builders, corpora, reports), `metrics` and `systems`."""
