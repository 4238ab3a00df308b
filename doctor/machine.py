"""Checks of `tsebench doctor`: this machine, or one system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ..bench.config import TIME_LIMIT_S, Isolation
from ..bench.inference.open_system import close_system, open_system
from ..bench.metrics.registry import known_infos
from ..bench.scoring.cache import default_cache_dir
from ..bench.scoring.edges import Scorable
from ..bench.scoring.plan import plan_metrics
from ..bench.scoring.pool import FilePool
from ..bench.scoring.scorer import Scorer
from ..core.config_files import setting
from ..core.errors import AudioError, ConfigError, TsebenchError
from ..core.files import make_folder
from ..core.provenance import device_name, resolve_device, versions
from ..datasets.corpora.synthetic_speech import SyntheticSpeech
from ..datasets.seeding import generator
from ..datasets.signals.audio import read_mono, resample
from ..datasets.signals.mixing import snr_gain
from ..systems.precomputed import PrecomputedSystem
from .streaming import check_streaming
from .system_checks import CheckResult, check_system

_RATE_HZ = 8000


def check_machine(device: str) -> list[CheckResult]:
    """Versions, device, and one real pass through speech synthesis and every metric."""
    chosen = resolve_device(device)
    return [
        CheckResult("versions", True, ", ".join(f"{name} {version}" for name, version in versions().items())),
        _attempt("device", lambda: device_name(chosen)),
        _attempt("cache folder", lambda: str(make_folder(default_cache_dir()))),
        _attempt("speech and metrics", lambda: _score_speech(chosen)),
    ]


def check_one(
    system: str,
    options: Sequence[str],
    device: str,
    *,
    isolation: Isolation | None = None,
    time_limit_s: float = TIME_LIMIT_S,
    streaming: bool = False,
) -> list[CheckResult]:
    """All checks of one system; of `precomputed`, its files, as it cannot answer other queries.

    `isolation` and `time_limit_s` are those of a run, see `bench.config.RunConfig`. With `streaming` its streams are
    checked, in this process, so that their time is the system's own.

    Raises:
        ConfigError: an option is not KEY=VALUE with the value as in YAML, or the system does not know it.
    """
    chosen = resolve_device(device)
    settings = dict(setting(option, example="folder=DIR") for option in options)
    if streaming:
        if isolation == "process":
            raise ConfigError("streams are timed in this process; leave out --isolation process, or --streaming")
        loaded = open_system(system, device=chosen, options=settings, isolation="none")
        return check_streaming(loaded, sample_rate_hz=_RATE_HZ, device=chosen)
    loaded = open_system(system, device=chosen, options=settings, isolation=isolation, time_limit_s=time_limit_s)
    if isinstance(loaded, PrecomputedSystem):
        return [_check_files(loaded.files)]
    try:
        return check_system(loaded, sample_rate_hz=_RATE_HZ, device=chosen)
    finally:
        close_system(loaded)


def _attempt(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, check())
    except (TsebenchError, OSError, RuntimeError, ImportError) as error:
        return CheckResult(name, False, " ".join(str(error).split()))


def _check_files(files: Sequence[Path]) -> CheckResult:
    """Check that every estimate can be read, is mono and finite; list the rates."""
    problems: list[str] = []
    rates: set[int] = set()
    for path in files:
        try:
            rates.add(read_mono(path)[1])
        except AudioError as error:
            problems.append(str(error))
    if problems:
        return CheckResult("files", False, f"{len(problems)} of {len(files)} cannot be used, the first: {problems[0]}")
    found = " and ".join(f"{rate} Hz" for rate in sorted(rates))
    return CheckResult("files", True, f"{len(files)} estimates at {found}")


def _score_speech(device: str) -> str:
    """Every metric on a synthetic utterance in noise at 10 dB SNR, through the process pool.

    Raises:
        TsebenchError: a metric that applies to speech has no value.
    """
    corpus = SyntheticSpeech(utterances=1)
    speech, rate = corpus.read(corpus.recordings()[0].path)
    clean = resample(speech, from_hz=rate, to_hz=_RATE_HZ)
    noise = generator("doctor").standard_normal(len(clean)).astype(np.float32)
    noisy = clean + noise * np.float32(snr_gain(signal=clean, noise=noise, snr_db=10.0))
    estimate, reference = torch.from_numpy(noisy), torch.from_numpy(clean)
    item = Scorable(trial_id="doctor", estimate=estimate, reference=reference, mixture=estimate)
    plan = plan_metrics([info.name for info in known_infos() if not info.options])
    with FilePool(1) as pool:
        scores = Scorer(plan, sample_rate_hz=_RATE_HZ, device=device, pool=pool).submit([item]).result()
    broken = [f"{score.metric}: {score.reason}" for score in scores if score.status == "failed"]
    if broken:
        raise TsebenchError("; ".join(broken))
    return ", ".join(f"{s.metric} {s.value:.2f}" for s in scores if s.status == "ok")
