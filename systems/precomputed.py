"""`precomputed`: a folder of estimates of another program, one audio file for each query.

For example, to score the output of another toolkit:

    system: {name: precomputed, options: {folder: exp/conv_tasnet/wav, name: conv_tasnet}}
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..core.content_hash import content_hash
from ..core.errors import ConfigError, ExtractionError
from ..datasets.signals.audio import Samples
from ..datasets.transcripts import read_texts
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.estimate_files import extract_each, read_estimate, without_folder

# Valid ids, see datasets/types.py. An id cannot lead out of the folder.
_ID = re.compile(r"(?!\.{1,2}$)[\w.+-]+", re.ASCII)


@register_system("precomputed")
class PrecomputedSystem:
    """Reads estimates of another program, `<folder>/<query id>.wav`.

    Clues do not matter. A file has one channel, or those of the mixture. One that is missing, corrupt, or of another
    number of channels or rate fails only its own query. Length
    and values are left to the scorer. The card's hash covers names and contents of all files, so that a changed
    estimate never reuses an old score.

    Args:
        folder: folder of the estimates, relative to the working folder.
        pattern: path of a file below the folder; `{id}` stands for the query's id.
        resample: convert files of another sample rate instead of refusing them.
        name: name on the card.
        training_data: names of the training data of what made the estimates, such as "librispeech:train-clean-100";
            test sets that contain some of it are flagged.
        recognised: CSV file of the words that a recogniser elsewhere found in the estimates, with the columns name (the
            query's id) and text, for `ter`, `wer` and `cer` with `backend: given`.

    Raises:
        ConfigError: the folder is missing or has no such file, or the pattern is wrong.
        CorpusError: the file of recognised words is not such a table.
    """

    def __init__(
        self,
        *,
        folder: Path,
        pattern: str = "{id}.wav",
        resample: bool = False,
        name: str = "precomputed",
        training_data: tuple[str, ...] = (),
        recognised: Path | None = None,
        device: str = "cpu",
    ) -> None:
        path = PurePosixPath(pattern)
        if "{id}" not in pattern or path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                f"system 'precomputed': pattern = {pattern!r} must hold {{id}} and stay below the "
                "folder; use for example {id}.wav or {id}/estimate.flac"
            )
        self._folder = folder.expanduser()
        self._pattern = pattern
        self._resample = resample
        self._device = device
        self._texts = None if recognised is None else read_texts(recognised.expanduser(), option="recognised")
        digest = _digest(self._folder, _matches(self._folder, pattern))
        self.card = SystemCard(
            name=name,
            family="external",
            description="estimates read from a folder",
            channels="any",
            sha256=digest if self._texts is None else _with_texts(digest, self._texts),
            licence="unknown",
            training_data=tuple(training_data),
            transcribes=self._texts is not None,
            options={"pattern": pattern, "resample": resample},
        )

    @property
    def files(self) -> list[Path]:
        """All estimates, sorted."""
        return _matches(self._folder, self._pattern)

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch from the folder."""
        lengths = dict(zip(batch.ids, batch.lengths.tolist(), strict=True))

        def read(query_id: str) -> Samples:
            if not _ID.fullmatch(query_id):
                raise ExtractionError(
                    f"id: {query_id!r} cannot be a file name; use letters, digits, `_`, `-`, `.`, `+`"
                )
            path = self._folder / self._pattern.replace("{id}", query_id)
            with without_folder(self._folder):
                return read_estimate(
                    path,
                    sample_rate_hz=batch.sample_rate_hz,
                    length=lengths[query_id],
                    resample=self._resample,
                    channels=batch.mixture.shape[1],
                )

        found = extract_each(batch.ids, read, device=self._device)
        if self._texts is None:
            return found
        return replace(found, transcripts=tuple(self._texts.get(name) for name in batch.ids))


def _matches(folder: Path, pattern: str) -> list[Path]:
    """All files that the pattern can name, sorted."""
    if not folder.is_dir():
        raise ConfigError(
            f"system 'precomputed': folder {str(folder)!r} "
            f"{'is not a folder' if folder.exists() else 'does not exist'}; give the folder that holds the estimates"
        )
    wildcard = "*".join(glob.escape(part) for part in pattern.split("{id}"))
    found = sorted(path for path in folder.glob(wildcard) if path.is_file())
    if not found:
        raise ConfigError(
            f"system 'precomputed': folder {str(folder)!r} holds no file {pattern!r}; "
            "give another folder or set `pattern`"
        )
    return found


def _with_texts(digest: str, texts: Mapping[str, str]) -> str:
    return hashlib.sha256(f"{digest}\n{json.dumps(texts, sort_keys=True)}".encode()).hexdigest()


def _digest(folder: Path, files: list[Path]) -> str:
    names = "\n".join(path.relative_to(folder).as_posix() for path in files)
    try:
        return hashlib.sha256(f"{names}\n{content_hash(files).digest}".encode()).hexdigest()
    except OSError as error:
        raise ConfigError(f"system 'precomputed': cannot read {error.filename!r}: {error.strerror}") from None
