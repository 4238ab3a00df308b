"""`command`: any program, in any language, that reads and writes wav files.

The program is started once for each query, or once for each batch so that a model is loaded once. Its arguments contain
placeholders:

    {mixture}      float wav of the mixture: the reference channel, or as many as the option channels says
    {enrollment}   wav of the first enrollment; a query without one fails
    {enrollments}  all enrollments: its argument is repeated for each
    {classes}      labels of sound classes, joined by commas
    {text}         the text clue, or nothing
    {negative_text}  the text on what is not wanted, or nothing
    {seed}         a number below 2⁶³ from which a program takes its randomness, another for each query and sample
    {output}       the wav to write: rate and length of the mixture, and one channel or as many as the mixture
    {query}        a JSON file: id, sample_rate_hz, mixture, enrollments, classes, text, negative_text, activity
                   (seconds [[start, end], ...]), direction, seed, output
    {batch}        a JSON file: the list of such objects for all queries of a batch; excludes the others

Five lines of Python, `program: python my_system.py {batch}`:

    import json, soundfile, sys
    for query in json.load(open(sys.argv[1])):
        mixture, rate = soundfile.read(query["mixture"])
        estimate = my_model(mixture, [soundfile.read(path)[0] for path in query["enrollments"]])
        soundfile.write(query["output"], estimate, rate, subtype="FLOAT")

With installed programs:

    program: sox {mixture} -e floating-point {output} sinc 300-3400
    program: ffmpeg -loglevel error -i {mixture} -af highpass=f=200 -c:a pcm_f32le {output}
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from ..core.content_hash import ContentHash
from ..core.errors import ConfigError
from ..datasets.signals import audio
from ..datasets.signals.audio import Samples
from ..datasets.types import ClueKind
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.estimate_files import extract_each, naming_full_disk, read_estimate, without_folder
from .shared.external_program import Job, Program, run_program
from .shared.program_files import program_hash

_UNSEEN = "a program may read files that are not named"


@register_system("command")
class CommandSystem:
    """Runs a program on wav files.

    An exit code, the time limit, or an output that is missing, unreadable, of another number of channels or rate fails
    only its own query. Length and values of the output are left to the scorer. If the program fails on a batch, the
    whole batch is refused, and the harness runs its queries one by one. The card's hash covers the program, every file
    and folder among its arguments, the folders of its scripts (up to 1,000 files and 1 GiB each) and `depends`. What a
    program finds by itself cannot be known, weights above all: later runs reuse its scores only with `depends` or
    `cache`.

    Args:
        program: command line, split as a shell would but run without a shell, or a list of arguments. Placeholders are
            the files and words of a query: {mixture}, {enrollment} (the first), {enrollments} (the argument is repeated
            for each), {classes}, {text}, {negative_text} and {seed}, and {output}, the file to write. {query} is a
            JSON file with all of one query, {batch} one of a batch, for which the program is started once.
        time_limit_s: longest answer to one query; a batch of B gets B times as much.
        channels: of the mixture that the program takes: 1, the reference channel; "any", all; or another number, and
            mixtures of other numbers fail.
        sample_rate_hz: the program's own rate, which queries are resampled to and estimates from; null: any.
        clues: kinds of clue that it uses; null derives them from the placeholders, without activity and direction,
            which a JSON file alone has.
        depends: further files and folders, relative to the working folder, that its output depends on (modules,
            weights); with them, later runs reuse scores as long as nothing of it changes.
        cache: later runs reuse scores although the program may depend on files that are not known.
        name: name on the card; null: "command".
        stochastic: whether the output depends on the seed; null: if {seed} is among the arguments. A program that reads
            the seed from a JSON file says so here.
        training_data: names of its training data, such as "librispeech:train-clean-100"; test sets that contain some of
            it are flagged.
        device: of the estimates; passed to the program as TSEBENCH_DEVICE.

    Raises:
        ConfigError: the program is not found or not executable, a placeholder is unknown, per-query and batch
            placeholders are mixed, the time limit is not above zero, or a file of `depends` is missing.
    """

    def __init__(
        self,
        *,
        program: str | list[str],
        time_limit_s: float = 60.0,
        channels: Annotated[int, Field(gt=0)] | Literal["any"] = 1,
        sample_rate_hz: int | None = None,
        clues: list[ClueKind] | None = None,
        depends: Sequence[Path] = (),
        cache: bool = False,
        name: str | None = None,
        stochastic: bool | None = None,
        training_data: tuple[str, ...] = (),
        device: str = "cpu",
    ) -> None:
        if not time_limit_s > 0:
            raise ConfigError(f"system 'command': time_limit_s = {time_limit_s:g} must be above 0")
        self._program = Program.parse(program)
        self._time_limit_s = time_limit_s
        self._device = device
        contents = _contents(self._program.argv, [path.expanduser() for path in depends])
        line = program if isinstance(program, str) else shlex.join(program)
        self.card = SystemCard(
            name=name or "command",
            family="external",
            description=f"program {Path(self._program.argv[0]).name}",
            clues=_clue_kinds(self._program) if clues is None else frozenset(clues),
            sample_rate_hz=sample_rate_hz,
            channels=channels,
            sha256=contents.digest,
            unseen="" if depends or cache else "; ".join(filter(None, [_UNSEEN, contents.beyond])),
            licence="unknown",
            training_data=tuple(training_data),
            stochastic="seed" in self._program.placeholders if stochastic is None else stochastic,
            options={"program": line, "time_limit_s": time_limit_s},
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch by running the program.

        Raises:
            ExtractionError: the program failed on the whole batch.
        """
        # In a folder that this process removes at its end, should an interrupt come during the removal of this one.
        place = get_temp_dir()
        with tempfile.TemporaryDirectory(prefix="tsebench-", dir=place, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            needed = batch.mixture[0].numel() * 4
            with naming_full_disk(folder, needed_bytes=needed):
                jobs = [_write_job(batch, row, folder / f"{row:04d}") for row in range(len(batch.ids))]
                if self._program.batched:
                    listing = ",\n".join(job.as_json() for job in jobs)
                    batch_file = _write_json(folder / "batch.json", f"[{listing}]")
                    with without_folder(folder):
                        self._run(self._program.fill_batch(batch_file=batch_file), queries=len(jobs))
            by_id = {job.id: job for job in jobs}
            lengths = dict(zip(batch.ids, batch.lengths.tolist(), strict=True))

            def answer(name: str) -> Samples:
                with naming_full_disk(folder, needed_bytes=needed):
                    return self._answer(by_id[name], folder, length=lengths[name], channels=batch.mixture.shape[1])

            return extract_each(batch.ids, answer, device=self._device)

    def _answer(self, job: Job, folder: Path, *, length: int, channels: int) -> Samples:
        """Estimate [T_b] or [C, T_b] of one query."""
        with without_folder(folder):
            if not self._program.batched:
                query_file = _write_json(job.output.with_name("query.json"), job.as_json())
                self._run(self._program.fill_query(job, query_file=query_file), queries=1)
            return read_estimate(job.output, sample_rate_hz=job.sample_rate_hz, length=length, channels=channels)

    def _run(self, argv: Sequence[str], *, queries: int) -> None:
        run_program(argv, time_limit_s=self._time_limit_s * queries, device=self._device)


def _write_job(batch: QueryBatch, row: int, folder: Path) -> Job:
    """Write the wav files of one query at its true length."""
    clues, rate = batch.clues[row], batch.sample_rate_hz
    mixture = folder / "mixture.wav"
    audio.write(mixture, _samples(batch.mixture[row, :, : int(batch.lengths[row])]), rate)
    enrollments = tuple(folder / f"enrollment-{k}.wav" for k in range(len(clues.enrollments)))
    for path, enrollment in zip(enrollments, clues.enrollments, strict=True):
        audio.write(path, _samples(enrollment), rate)
    return Job(
        id=batch.ids[row],
        sample_rate_hz=rate,
        mixture=mixture,
        enrollments=enrollments,
        classes=clues.classes,
        text=clues.text,
        negative_text=clues.negative_text,
        activity=clues.activity,
        direction=clues.direction,
        seed=batch.seeds[row],
        output=folder / "output.wav",
    )


def _write_json(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _samples(signal: Tensor) -> Samples:
    return signal.detach().cpu().float().numpy()


def _clue_kinds(program: Program) -> frozenset[ClueKind]:
    """Kinds of clue that the placeholders pass to the program."""
    given = program.placeholders
    if given & {"query", "batch"}:
        return frozenset({"enrollment", "classes", "text"})
    kinds: tuple[ClueKind, ...] = ("enrollment", "classes", "text")
    return frozenset(kind for kind in kinds if given & {kind, f"{kind}s"})


def _contents(argv: Sequence[str], depends: Sequence[Path]) -> ContentHash:
    try:
        return program_hash(argv, depends)
    except OSError as error:
        raise ConfigError(
            f"system 'command': cannot read {error.filename!r}: {error.strerror}; correct the program or `depends`"
        ) from None
