"""AudioSep: target sounds by text, with the public network (Liu et al., "Separate Anything You Describe", 2023).

The public file has the separation network and may have the encoder of texts, too. Here the embeddings of the texts come
from a JSON file, which docs/examples/runners/audiosep_embeddings.py writes in a clone of the repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import CheckpointError, ConfigError
from ..core.validation import parse
from .checkpoints.archive import load_archive, outline_of
from .checkpoints.checkpoint import read_weights
from .checkpoints.foreign import describe
from .checkpoints.inert import inert_constructors
from .checkpoints.weights import load_strictly, weights_of
from .nets.res_unet import ResUnet, ResUnetConfig
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import check_rate
from .shared.clue_embeddings import read_clue_embeddings
from .shared.wrapped import joined_sha256

NAME = "audiosep"
RATE_HZ = 32_000

_NET = "ss_model."
_KNOWN_BY = "base.bn0.weight"
_FIXED = ("base.stft.", "base.istft.")  # windows and Fourier matrices, which are computed here
_WANTED = "give the checkpoint of github.com/Audio-AGI/AudioSep, such as audiosep_base_4M_steps.ckpt"


@register_system(NAME)
class AudioSep:
    """Sound extraction by text with the public network of AudioSep, at 32 kHz.

    A query is answered by its text, or, without one, by its class, or by several one by one, whose answers are added.

    Args:
        model: the checkpoint, such as audiosep_base_4M_steps.ckpt.
        embeddings: JSON file of CLAP's text embeddings {"a dog barking": [512 numbers], ...}, of every text that is
            asked.

    Raises:
        CheckpointError: the model is missing, damaged, unsafe, or of another network.
        ConfigError: the embeddings cannot be used.
    """

    def __init__(self, *, model: str, embeddings: str, device: str = "cpu") -> None:
        net, sha256 = read_audiosep(Path(model).expanduser())
        self._texts = read_clue_embeddings(Path(embeddings), size=net.config.clue, where=f"system {NAME!r}")
        self._net, self._device = net.to(device).eval(), device
        self.card = SystemCard(
            name=NAME,
            family="discriminative",
            description="U-Net on spectra, conditioned on a text's embedding (Liu et al., 2023)",
            clues=frozenset({"classes", "text"}),
            sample_rate_hz=RATE_HZ,
            checkpoint=model,
            sha256=joined_sha256(sha256, self._texts.sha256),
            licence="as the model's makers say",
            classes=self._texts.labels,
            options={"embeddings": embeddings},
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch query by query; those without a known text or class fail alone."""
        check_rate(batch, self.card)
        estimate = torch.zeros_like(batch.mixture[:, 0])
        failures: dict[str, str] = {}
        for row, (query_id, clues) in enumerate(zip(batch.ids, batch.clues, strict=True)):
            found = self._texts.of_text(clues)
            signal = batch.mixture[row, 0, : int(batch.lengths[row])].to(self._device)
            if isinstance(found, str):
                failures[query_id] = found
            else:
                estimate[row, : len(signal)] = self._net(signal.expand(len(found), -1), self._clue(found)).sum(0)
        return Extraction(estimate=estimate, failures=failures)

    def _clue(self, embeddings: list[Tensor]) -> Tensor:
        return torch.stack(embeddings).to(self._device)


def read_audiosep(path: Path) -> tuple[ResUnet, str]:
    """The network of a public file, with its weights on the CPU, and the file's hash.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, not finite, or of another network.
    """
    where = f"model file {str(path)!r}"
    content = read_weights(path)
    outline = outline_of(content, where=where, wanted=_WANTED)
    allowed = inert_constructors(outline.names)
    loaded = load_archive(content, where=where, wanted=_WANTED, constructors=allowed)
    table = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else {}
    if not isinstance(table, Mapping) or not any(str(name).endswith(_KNOWN_BY) for name in table):
        raise CheckpointError(f"{where} is {describe(outline.root)}, and has no weight {_KNOWN_BY!r}; {_WANTED}")
    own = {str(name).removeprefix(_NET): value for name, value in table.items() if _of_net(str(name), table)}
    state = weights_of(own, where=where, wanted=_WANTED)
    with torch.device("meta"):
        net = ResUnet(_config(state, where=where))
    load_strictly(net, state, where=where, of="of AudioSep in the sizes of its own weights")
    return net, hashlib.sha256(content).hexdigest()


def _of_net(name: str, table: Mapping[object, object]) -> bool:
    """Whether a weight is one of the network: not the encoder of texts, which has another prefix, nor a constant."""
    prefixed = f"{_NET}{_KNOWN_BY}" in table
    return name.startswith(_NET) == prefixed and not name.removeprefix(_NET).startswith(_FIXED)


def _config(state: Mapping[str, Tensor], *, where: str) -> ResUnetConfig:
    """Sizes of the network by the shapes of its weights."""
    levels = [*(f"base.encoder_block{level}.conv_block1.conv1.weight" for level in range(1, 7))]
    names = ["base.bn0.weight", *levels, "base.conv_block7a.conv_block1.conv1.weight"]
    film = "film.conv_block7a->conv_block1->beta1.weight"
    lacking = next((name for name in (*names, film) if name not in state or not state[name].ndim), None)
    if lacking is not None:
        raise CheckpointError(f"{where} has no weight {lacking!r} of AudioSep; {_WANTED}")
    first, *widths = (state[name].shape[0] for name in names)
    content = {"bins": first - 1, "widths": widths, "clue": state[film].shape[-1]}
    try:
        return parse(ResUnetConfig, content, where=where)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
