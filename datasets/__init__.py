"""What is asked: corpora, mixing, builders, query conditions, datasets on disk."""

if __name__ == "datasets":
    raise ImportError(
        "this folder is tsebench.datasets, not the Hugging Face package 'datasets': "
        "import tsebench.datasets, or start Python outside the tsebench repository"
    )
