"""Sessions of onnxruntime: one for each model in a process, of one file that is known by its hash.

Worker processes import this module, so that it must stay cheap: the package is imported where it
is used.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import ConfigError

CUDA = "CUDAExecutionProvider"
ON_CPU = "install onnxruntime-gpu instead of onnxruntime, or set the metric's `on_cpu: true`"
_OLDEST = (1, 24)  # earlier ones read weights from any other file that a model names
_INSTALL = "pip install 'tsebench[models]'"


@lru_cache(maxsize=4)
def session(path: Path, sha256: str, device: str) -> Any:
    """A model, loaded once for the process; what is loaded is what was hashed.

    Args:
        path: an ONNX file. Weights that it names in other files are refused.
        sha256: of the file, in hex.
        device: "cpu", on one thread, or "cuda", or "cuda:N".

    Raises:
        ConfigError: the file changed.
        OSError: it cannot be read.
        Exception: one of `load_errors`.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigError(f"model {str(path)!r} changed since the run began; begin it again")
    runtime = package()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what matters is raised, and told in one line
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Weights beside the file have no part in the hash; in a folder that is a file there are none.
    folder = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(folder, str(path))
    return runtime.InferenceSession(
        content,
        options,
        providers=[_provider(device)],
        enable_fallback=0,
        read_config_from_model=0,
    )


def check_package(where: str, device: str) -> None:
    """Check that onnxruntime is there, is new enough, and knows the kind of device.

    Raises:
        ConfigError: starting with `where`, if it is there at all.
    """
    runtime = package()
    if tuple(int(part) for part in runtime.__version__.split(".")[:2]) < _OLDEST:
        raise ConfigError(
            f"{where}: onnxruntime {runtime.__version__} is older than "
            f"{'.'.join(map(str, _OLDEST))}; {_INSTALL}"
        )
    if device != "cpu" and CUDA not in runtime.get_available_providers():
        raise ConfigError(
            f"{where}: device {device!r} is asked for, and onnxruntime {runtime.__version__} has "
            f"no CUDA; {ON_CPU}"
        )


def package() -> ModuleType:
    """The package.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError(
            f"package 'onnxruntime' cannot be imported ({error}), and metrics that run a model "
            f"need it: {_INSTALL}"
        ) from None


def load_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a bad model or input: most of it has no base of its own."""
    kinds = vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    own = (k for k in kinds if isinstance(k, type) and issubclass(k, Exception))
    return (*own, RuntimeError, ValueError)


def _provider(device: str) -> str | tuple[str, dict[str, str]]:
    if device == "cpu":
        return "CPUExecutionProvider"
    number = device.partition(":")[2] or "0"
    # Full float32, and no choice of algorithms by timing, as on the CPU.
    return (CUDA, {"device_id": number, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"})
