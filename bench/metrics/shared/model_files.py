"""Models of metrics: the user's file, else that of a package that an extra installs.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from ....core.errors import ConfigError
from ....core.packages import packaged_file

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """File of a model inside a distribution.

    Attributes:
        path: in the wheel, such as "speechmos/plcmos_models/plcmos_v2.onnx".
        install: command that installs it.
    """

    distribution: str
    path: str
    install: str

    @property
    def file(self) -> Path | None:
        """The file, or None if it is not installed."""
        return packaged_file(self.distribution, self.path)

    @property
    def required(self) -> tuple[str, ...]:
        """Settings that a metric cannot do without: `model`, where the package is missing."""
        return () if self.file else ("model",)


class ChosenModel(Generic[T]):
    """An opened model: a user's at once, so that a wrong file is an error early; a package's on first use.

    Args:
        given: path of the user's file, or None.
        packaged: what is taken instead.
        opening: opens a file.
        where: start of an error's line.
    """

    def __init__(
        self, given: Path | None, packaged: PackagedModel, opening: Callable[[Path], T], *, where: str
    ) -> None:
        self._packaged, self._opening, self._where = packaged, opening, where
        self._given = None if given is None else opening(given)

    @cached_property
    def model(self) -> T:
        """The model.

        Raises:
            ConfigError: there is none.
        """
        if self._given is not None:
            return self._given
        file = self._packaged.file
        if file is None:
            missing = f"needs its setting 'model', or the package {self._packaged.distribution!r}"
            raise ConfigError(f"{self._where} {missing}: {self._packaged.install}")
        return self._opening(file)


def of_speechmos(path: str) -> PackagedModel:
    """A model of the package speechmos (MIT)."""
    install = "pip install 'tsebench[quality]'"
    return PackagedModel(distribution="speechmos", path=f"speechmos/{path}", install=install)
