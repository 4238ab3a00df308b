"""Where a job that runs a user's own model is done.

Worker processes import this module, so that it must stay cheap.
"""

from __future__ import annotations

from concurrent.futures import Future

from ....core.onnx import Model
from ...outcome import Job, Outcome, Submit, attempt


def carry_out(job: Job, *, model: Model, submit: Submit) -> Outcome | Future[Outcome]:
    """Do a job that runs a model: in a worker process on the CPU, else here."""
    return submit(job) if model.device == "cpu" else attempt(job)
