"""tsebench: benchmark and evaluate target speech and sound extraction systems.

The way of the data, from Python:

    import tsebench

    dataset = tsebench.load_dataset("mini_speech")        # a shipped config, a path, a dict, or a dataset folder
    query, truth = dataset[0]                             # mixture [C, T] and clues; target [C, T] and interferers
    system = tsebench.load_system("td_speakerbeam", checkpoint="td_speakerbeam_mini")
    extraction = system.extract(dataset.batch([0, 1]))    # estimate [B, T]

    estimate = tsebench.extract(system, mixture, 16000, enrollment=voice)    # arrays, at any sample rate
    scores = tsebench.score(estimate=estimate, reference=target, mixture=mixture, sample_rate_hz=16000)
    scores.values                                         # {"si_sdri": 9.8, ...}

    results = tsebench.evaluate([system, "mixture"], datasets=dataset, metrics="si_sdri,pesq")
    results                                               # a notebook shows the leaderboard
    results.rows                                          # one line for each system, trial and metric

Data: `load_dataset` opens or draws a dataset, `build` writes one to disk, `collate` makes a batch of queries.
Systems: `load_system` builds one by name, `register_system` adds one, `extract` runs one on plain arrays,
`extract_all` gives its labelled outputs, words and classes too, and `extract_file` takes recordings of any length.
Judging: `evaluate` runs systems on datasets, `score` scores signals and folders, `register_metric` adds a metric.
Results: `read_rows` and `leaderboard` read run folders, `find_runs` searches a tracking store of MLflow.

Audio is float32 with full scale ±1, shape [T] or [C, T]. Every error that a caller can cause is a `TsebenchError` with
one clear line: `ConfigError` (an argument, a config or a name is wrong; `UnknownNameError` suggests the nearest),
`AudioError`, `CorpusError`, `DatasetError`, `CheckpointError`, `ExtractionError` and `OutputError`. Nothing is printed
but progress bars on a terminal. Importing tsebench takes milliseconds: names are loaded when they are first used.
`help(tsebench.evaluate)` has arguments, units and errors of one name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bench.config import RunConfig
    from .bench.inference.extract import ExtractedSignal, extract, extract_all
    from .bench.inference.long_files import extract_file
    from .bench.metrics.registry import register_metric
    from .bench.rows import read_rows
    from .bench.tracking.search import find_runs
    from .core.errors import (
        AudioError,
        CheckpointError,
        ConfigError,
        CorpusError,
        DatasetError,
        ExtractionError,
        OutputError,
        TsebenchError,
        UnknownNameError,
    )
    from .datasets.api import build, load_dataset
    from .datasets.batches import QueryBatch, collate
    from .datasets.config import DatasetConfig
    from .datasets.dataset import Dataset
    from .datasets.types import Clues, Query, Trial, Truth
    from .reports.leaderboard.board import Leaderboard
    from .reports.notebook.evaluate import evaluate
    from .reports.notebook.leaderboard import leaderboard
    from .reports.notebook.results import Results, Scores
    from .reports.notebook.score import score
    from .systems.protocol import Extraction, PrivilegedSystem, System, SystemCard
    from .systems.registry import load_system, register_system

__version__ = "0.1.0"

_PLACES = {
    ".bench.config": "RunConfig",
    ".bench.inference.extract": "ExtractedSignal extract extract_all",
    ".bench.inference.long_files": "extract_file",
    ".bench.metrics.registry": "register_metric",
    ".bench.rows": "read_rows",
    ".bench.tracking.search": "find_runs",
    ".core.errors": "AudioError CheckpointError ConfigError CorpusError DatasetError ExtractionError OutputError "
    "TsebenchError UnknownNameError",
    ".datasets.api": "build load_dataset",
    ".datasets.batches": "QueryBatch collate",
    ".datasets.config": "DatasetConfig",
    ".datasets.dataset": "Dataset",
    ".datasets.types": "Clues Query Trial Truth",
    ".reports.leaderboard.board": "Leaderboard",
    ".reports.notebook.evaluate": "evaluate",
    ".reports.notebook.leaderboard": "leaderboard",
    ".reports.notebook.results": "Results Scores",
    ".reports.notebook.score": "score",
    ".systems.protocol": "Extraction PrivilegedSystem System SystemCard",
    ".systems.registry": "load_system register_system",
}
_PUBLIC = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "AudioError",
    "CheckpointError",
    "Clues",
    "ConfigError",
    "CorpusError",
    "Dataset",
    "DatasetConfig",
    "DatasetError",
    "ExtractedSignal",
    "Extraction",
    "ExtractionError",
    "Leaderboard",
    "OutputError",
    "PrivilegedSystem",
    "Query",
    "QueryBatch",
    "Results",
    "RunConfig",
    "Scores",
    "System",
    "SystemCard",
    "Trial",
    "Truth",
    "TsebenchError",
    "UnknownNameError",
    "__version__",
    "build",
    "collate",
    "evaluate",
    "extract",
    "extract_all",
    "extract_file",
    "find_runs",
    "leaderboard",
    "load_dataset",
    "load_system",
    "read_rows",
    "register_metric",
    "register_system",
    "score",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import tsebench` stays cheap."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tsebench' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name], __name__), name)


def __dir__() -> list[str]:
    """Public names, also those that are not loaded yet."""
    return sorted({*globals(), *_PUBLIC})
