"""Channel of files that have several, for each folder of `score`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ...core.errors import ConfigError, UnknownNameError

Channel = int | Literal["mean"] | None
"""Number from 0, the mean of all, or None to refuse files with several."""

Folder = Literal["estimates", "references", "mixtures", "enrollments"]
FOLDERS: tuple[Folder, ...] = ("estimates", "references", "mixtures", "enrollments")
_EXAMPLES = "write 0 or mean for all folders, or for example estimates=1,references=mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Channel of files with several, by folder; mono files are not affected."""

    estimates: Channel = None
    references: Channel = None
    mixtures: Channel = None
    enrollments: Channel = None

    def of(self, folder: Folder) -> Channel:
        """The channel of one folder."""
        found: Channel = getattr(self, folder)
        return found


def channels_of(value: Channels | Channel | str) -> Channels:
    """Channels from a number or "mean" for all folders, or from a text such as `estimates=1,references=mean`.

    Raises:
        ConfigError: a channel is neither a number from 0 nor "mean", or a folder is given twice.
        UnknownNameError: a folder is none of `FOLDERS`.
    """
    if value is None or isinstance(value, Channels):
        return value or Channels()
    parts = [part.strip() for part in str(value).split(",")]
    if len(parts) == 1 and "=" not in parts[0]:
        channel = _channel(parts[0], str(value))
        return Channels(estimates=channel, references=channel, mixtures=channel, enrollments=channel)
    found: dict[str, Channel] = {}
    for part in parts:
        folder, separator, text = (piece.strip() for piece in part.partition("="))
        if not separator:
            raise ConfigError(f"--channel {str(value)!r}: {part!r} is not FOLDER=CHANNEL; {_EXAMPLES}")
        if folder not in FOLDERS:
            raise UnknownNameError("folder of --channel", folder, FOLDERS)
        if folder in found:
            raise ConfigError(f"--channel {str(value)!r} gives {folder} twice; give it once")
        found[folder] = _channel(text, str(value))
    return Channels(**found)


def _channel(text: str, value: str) -> Channel:
    if text == "mean":
        return "mean"
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ConfigError(f"--channel {value!r}: {text!r} is neither a number from 0 nor mean; {_EXAMPLES}")
    return int(text)
