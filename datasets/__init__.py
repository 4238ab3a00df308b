"""Benchmark sets: corpora, signals, builders, query conditions, renderers, and datasets on disk.

Other rooms use `types`, `batches` (`QueryBatch`, `collate`), `config`, `build`, `dataset.load_dataset`,
`dynamic.open_stream`, `contents` and `contamination`; `api` is for Python code of users.
"""

if __name__ == "datasets":
    raise ImportError(
        "this folder is tsebench.datasets, not the Hugging Face package 'datasets': "
        "import tsebench.datasets, or start Python outside the tsebench repository"
    )
