"""Model in one ONNX file, the user's or that of an installed package, run by onnxruntime; nothing is downloaded.

Worker processes import this module: onnxruntime is imported on first use.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, suggest
from .file_kinds import HEAD, file_kind

CUDA = "CUDAExecutionProvider"
ON_CPU = "install onnxruntime-gpu instead of onnxruntime, or set the metric's `on_cpu: true`"
_OLDEST = (1, 24)  # earlier ones read weights from any other file that a model names
_INSTALL = "pip install 'tsebench[models]'"
_GPU_BATCH = 16
_NUMBERS = ("tensor(float)", "tensor(float16)", "tensor(double)")


def package() -> ModuleType:
    """Import onnxruntime; a ConfigError says how to install it."""
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        problem = f"package 'onnxruntime' cannot be imported ({error})"
        raise ConfigError(f"{problem}, and metrics that run a model need it: {_INSTALL}") from None


def check_package(where: str, device: str) -> None:
    """Check the version of onnxruntime, and that it supports the kind of device."""
    runtime = package()
    version = runtime.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise ConfigError(f"{where}: onnxruntime {version} is older than {'.'.join(map(str, _OLDEST))}; {_INSTALL}")
    if device != "cpu" and CUDA not in runtime.get_available_providers():
        raise ConfigError(f"{where}: device {device!r} is asked for, and onnxruntime {version} has no CUDA; {ON_CPU}")


def load_errors() -> tuple[type[Exception], ...]:
    """Exceptions of onnxruntime for a bad model or input; most of them have no common base class."""
    kinds = vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    own = (k for k in kinds if isinstance(k, type) and issubclass(k, Exception))
    return (*own, RuntimeError, ValueError, MemoryError)


@lru_cache(maxsize=4)
def session(path: Path, sha256: str, device: str) -> Any:
    """Load a model, once for the process; the loaded bytes are the hashed ones.

    Args:
        path: an ONNX file; references to weights in other files are refused.
        sha256: of the file, in hex.
        device: "cpu" (one thread), "cuda" or "cuda:N".

    Raises:
        ConfigError: the file changed.
        OSError: it cannot be read.
        Exception: one of `load_errors`.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigError(f"model {str(path)!r} changed since the run began; start the run again")
    runtime = package()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # errors are raised and reported in one line
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Weights in other files are not hashed. A file as their folder makes onnxruntime refuse them.
    folder = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(folder, str(path))
    return runtime.InferenceSession(
        content, options, providers=[_provider(device)], enable_fallback=0, read_config_from_model=0
    )


def _provider(device: str) -> str | tuple[str, dict[str, str]]:
    if device == "cpu":
        return "CPUExecutionProvider"
    number = device.partition(":")[2] or "0"
    # Full float32, and no choice of algorithms by timing, as on the CPU.
    return (CUDA, {"device_id": number, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model with one selected output.

    It pickles cheaply, because it holds no weights: each process loads them on first use.

    Attributes:
        sha256: hash of the file in hex; a file that changes later is refused.
        device: "cpu", "cuda" or "cuda:N".
        output: name of the output.
        batch_size: items of one call.
    """

    path: Path
    sha256: str
    device: str
    output: str
    batch_size: int

    def signature(self) -> str:
        """For example `model:sig_bak_ovr.onnx|sha256:269fbebd|onnxruntime:1.31.1`."""
        version = package().__version__
        return f"model:{self.path.name}|sha256:{self.sha256[:8]}|onnxruntime:{version}"

    def run(self, items: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Outputs for N ≥ 1 items of one shape, flattened to [N, D], of a model with one input.

        Raises as `session` does.
        """
        opened = session(self.path, self.sha256, self.device)
        name, waiting = opened.get_inputs()[0].name, iter(items)
        found: list[NDArray[np.float32]] = []
        while batch := list(islice(waiting, self.batch_size)):
            (given,) = opened.run([self.output], {name: np.stack(batch)})
            found.append(given.reshape(len(batch), -1))
        return np.concatenate(found)

    def call(self, inputs: Mapping[str, NDArray[np.float32]], outputs: Sequence[str] = ()) -> list[NDArray[np.float32]]:
        """Outputs by name (none: the selected one) of one call with all inputs; raises as `session` does."""
        found = session(self.path, self.sha256, self.device).run([*outputs] or [self.output], dict(inputs))
        return [np.asarray(each, dtype=np.float32) for each in found]

    def width(self, *shape: int, where: str, hint: str) -> int:
        """Output size D for an item of this shape, measured on zeros.

        The error for a model that does not take it begins with `where` and ends with `hint`: the model expected.
        """
        try:
            return len(self.run([np.zeros(shape, dtype=np.float32)])[0])
        except load_errors() as error:
            size = ", ".join(map(str, (1, *shape)))
            problem = f"does not take a float32 input of shape [{size}]: {_line(error)}"
            raise ConfigError(f"{where}: model {str(self.path)!r} {problem}; {hint}") from None


def open_model(
    path: Path, *, where: str, device: str = "cpu", output: str | None = None, inputs: Sequence[str] = ()
) -> Model:
    """Open a model and check that it loads.

    Args:
        path: an ONNX file that holds all its weights.
        where: start of the error message.
        device: "cpu", "cuda" or "cuda:N"; a GPU never falls back to the CPU silently.
        output: name of the output; None selects the only one.
        inputs: names of the inputs; none: there is one, of any name.

    Raises:
        ConfigError: onnxruntime is missing or too old, or lacks the device; the file is missing, is no ONNX model, or
            has weights in other files; it has other inputs, or no such output.
    """
    # Links are not followed: a link has the suffix even if its target in a store has none.
    file = Path(os.path.expanduser(path)).absolute()  # noqa: PTH111 - an unknown user is no error
    what = f"{where}: model {str(path)!r}"
    if file.suffix.lower() != ".onnx":
        raise ConfigError(
            f"{what} is not an .onnx file; other formats (.pt, .pth, .pkl) can run code when they "
            "are loaded: export the model with torch.onnx.export"
        )
    check_package(where, device)
    try:
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        opened = session(file, sha256, device)
    except OSError as error:
        problem = f"cannot read model {str(path)!r}: {error.strerror}"
        raise ConfigError(f"{where}: {problem}; give the path of a file") from None
    except load_errors() as error:
        kind = _kind(file)
        problem = f"is {kind}" if kind else f"cannot be loaded: {_line(error)}"
        raise ConfigError(f"{what} {problem}; give an ONNX file that holds all its weights") from None
    if device != "cpu" and CUDA not in opened.get_providers():
        raise ConfigError(f"{where}: onnxruntime cannot use {device!r}; {ON_CPU}")
    _check_inputs(opened, what, inputs)
    chosen = _chosen_output(opened, what, output)
    shape = opened.get_inputs()[0].shape
    # On a GPU, where the first axis of the input has no fixed length.
    batched = device != "cpu" and shape and not isinstance(shape[0], int)
    return Model(path=file, sha256=sha256, device=device, output=chosen, batch_size=_GPU_BATCH if batched else 1)


def _check_inputs(opened: Any, what: str, wanted: Sequence[str]) -> None:
    inputs: list[str] = [port.name for port in opened.get_inputs()]
    if wanted and sorted(inputs) != sorted(wanted):
        raise ConfigError(f"{what} has the inputs {', '.join(inputs)}, not {', '.join(wanted)}: it is another model")
    if not wanted and len(inputs) != 1:
        raise ConfigError(
            f"{what} has {len(inputs)} inputs ({', '.join(inputs)}); export one that takes the signal alone"
        )


def _chosen_output(opened: Any, what: str, output: str | None) -> str:
    outputs: list[str] = [port.name for port in opened.get_outputs() if port.type in _NUMBERS]
    if output is None and len(outputs) == 1:
        return outputs[0]
    if output in outputs:
        return str(output)
    if output is not None:
        raise ConfigError(f"{what} has no output {output!r} of numbers{suggest(output, outputs)}")
    raise ConfigError(
        f"{what} has {len(outputs)} outputs of numbers ({', '.join(outputs)}) where one is needed; "
        "name it with the setting `output` if the metric has it, or give another model"
    )


def _kind(file: Path) -> str | None:
    """Kind of a file that is no ONNX model."""
    try:
        with file.open("rb") as opened:
            kind = file_kind(opened.read(HEAD))
    except OSError:
        return None
    return None if kind == "an ONNX file" else kind


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
