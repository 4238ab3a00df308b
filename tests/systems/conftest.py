"""Training in tests: torch's loader looks for processes that have ended every 0.2 s, and not every 5 s."""

from __future__ import annotations

import pytest
from torch.utils.data import dataloader


@pytest.fixture(autouse=True)
def impatient_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(dataloader._MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.2,))
