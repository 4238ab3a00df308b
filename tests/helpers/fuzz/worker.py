"""One process that damages and reads files, and prints a line of JSON for each input: `begin`, then `ok` or `fell`."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

MEMORY = 2 * 2**30


def main(names: str, first: str, count: str, seed: str) -> None:
    """Inputs [first, first + count) of each named reader."""
    from .readers import READERS

    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        for name in names.split(","):
            reader, source = READERS[name], Path(scratch) / "seed" / name
            source.mkdir(parents=True)
            reader.seed(source)
            reader.read(source)  # valid files, and all imports
            resource.setrlimit(resource.RLIMIT_AS, (_size() + MEMORY, resource.RLIM_INFINITY))
            for number in range(int(first), int(first) + int(count)):
                _try(name, number, seed=seed, source=source, folder=Path(scratch) / "input", out=out)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _try(name: str, number: int, *, seed: str, source: Path, folder: Path, out: object) -> None:
    from tsebench.core.errors import TsebenchError

    from .readers import READERS

    reader, rng = READERS[name], random.Random(f"{seed} {name} {number}")
    _say(out, begin=[name, number])
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    rng.choice(reader.damage)(folder, rng)
    try:
        reader.read(folder)
    except TsebenchError:
        pass
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what the fuzzer looks for
        lines = traceback.format_exc(limit=-4).splitlines()
        _say(out, fell=[name, number], error=f"{type(error).__name__}: {str(error)[:200]}", trace=lines[-9:])
        return
    _say(out, ok=[name, number], seconds=time.monotonic() - began, peak=_peak())


def _peak() -> int:
    """Most memory of this process in bytes since it was last reset; 0 where the system does not say."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _size() -> int:
    """Address space of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _say(out: object, **fields: object) -> None:
    print(json.dumps(fields), file=out, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    main(*sys.argv[1:])
