"""Assignment of a separator's outputs to the references of each mixture, by the best mean SI-SDR.

The sum of the SI-SDR (zero mean, float64) over the references of a mixture is maximised by the Hungarian algorithm,
which is what asteroid's PITLossWrapper and ESPnet do for as many outputs as references. Here there may also be more or
fewer: outputs beyond the references are left out and counted, and references beyond the outputs are missing. An output
that cannot be compared (unreadable, not finite, of another length) takes a reference that no other output takes, whose
row then says why.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...core import ratios
from ...core.arrays import ended
from ...core.errors import AudioError
from ...core.progress import ProgressFactory
from ...datasets.seeding import digest
from ...systems.protocol import LENGTH_TOLERANCE_S
from .channels import Folder
from .file_set import read_signal
from .paired_files import DATASET, PairedFiles

TIE_DB = 1e-6
"""An assignment that is better by less does not replace the given order."""

_NOT_COMPARED_DB = -1e6  # far below the least SI-SDR, so that whatever can be compared is assigned first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mixture:
    """Outputs by trial of one mixture, those without a reference, and whether the given order was changed."""

    trials: Sequence[str]
    outputs: Sequence[str]
    taken: dict[str, str]
    reordered: bool

    @property
    def left(self) -> list[str]:
        return [output for output in self.outputs if output not in self.taken.values()]


def assign(files: PairedFiles, *, progress: ProgressFactory) -> PairedFiles:
    """The files with the estimate of each trial; those given are by output and mixture, such as `s2/mix_0001`."""
    trials: dict[str, list[str]] = {}
    for key in files.keys:
        trials.setdefault(files.mixture_of(key), []).append(key)
    outputs: dict[str, list[str]] = {mixture: [] for mixture in trials}
    for key in sorted({**files.estimates, **files.faults.estimates}):
        outputs[key.partition("/")[2]].append(key)
    found: list[_Mixture] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress(f"{DATASET}: assignment", len(trials)) as advance:
        for one in pool.map(lambda mixture: _assigned(files, trials[mixture], outputs[mixture]), trials):
            found.append(one)
            advance(1)
    taken = {trial: output for one in found for trial, output in one.taken.items()}
    return replace(
        files,
        estimates={trial: files.estimates[key] for trial, key in taken.items() if key in files.estimates},
        faults=replace(files.faults, estimates=_faults(files, found)),
        outputs={trial: output.partition("/")[0] for trial, output in taken.items()},
        left_out=tuple(sorted(output for one in found for output in one.left)),
        reordered=tuple(mixture for mixture, one in zip(trials, found, strict=True) if one.reordered),
        answers=digest(files.answers, "perm:si_sdr"),
        permutation="si_sdr",
    )


def best_order(closeness_db: NDArray[np.float64]) -> dict[int, int]:
    """Columns by row of the largest sum of a matrix [R, O]; the given order if it is as good."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import, and seldom needed

    rows, columns = linear_sum_assignment(closeness_db, maximize=True)
    same = np.arange(min(closeness_db.shape))
    if closeness_db[same, same].sum() >= closeness_db[rows, columns].sum() - TIE_DB:
        rows = columns = same
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def _assigned(files: PairedFiles, trials: Sequence[str], outputs: Sequence[str]) -> _Mixture:
    if not outputs:
        return _Mixture(trials=trials, outputs=outputs, taken={}, reordered=False)
    references = [_signal(files, "references", trial) for trial in trials]
    estimates = [_signal(files, "estimates", output) for output in outputs]
    tolerance = LENGTH_TOLERANCE_S * files.sample_rate_hz
    closeness_db = np.array([[_closeness_db(e, r, tolerance) for e in estimates] for r in references])
    order = best_order(closeness_db)
    taken = {trials[row]: outputs[column] for row, column in order.items()}
    return _Mixture(trials=trials, outputs=outputs, taken=taken, reordered=any(r != c for r, c in order.items()))


def _signal(files: PairedFiles, folder: Folder, key: str) -> NDArray[np.float64] | None:
    """A signal [T], or None if it cannot be compared; the scores say why."""
    path = getattr(files, folder).get(key)
    if path is None or key in getattr(files.faults, folder):
        return None
    try:
        signal = read_signal(path, files.channels.of(folder))
    except AudioError:
        return None
    return np.asarray(signal, np.float64)


def _closeness_db(
    estimate: NDArray[np.float64] | None, reference: NDArray[np.float64] | None, tolerance: float
) -> float:
    if estimate is None or reference is None or abs(len(estimate) - len(reference)) >= tolerance:
        return _NOT_COMPARED_DB
    fitted = ended(estimate, len(reference))
    return float(ratios.si_sdr_db(estimate=fitted, reference=reference, zero_mean=True))


def _faults(files: PairedFiles, found: Sequence[_Mixture]) -> dict[str, str]:
    """Reasons by trial: those of the assigned outputs, and how many there are where one is missing."""
    known = files.faults.estimates
    faults = {trial: known[key] for one in found for trial, key in one.taken.items() if key in known}
    for one in found:
        count = len(one.outputs)
        some = f"{count} output{'' if count == 1 else 's'} for {len(one.trials)} references"
        faults |= {trial: f"missing: {some}" for trial in one.trials if trial not in one.taken}
    return faults
