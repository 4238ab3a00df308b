"""SoloAudio: target sounds by text, drawn by diffusion on the latent frames of an autoencoder.

Wang et al., "SoloAudio: Target Sound Extraction with Language-oriented Audio Diffusion Transformer", ICASSP 2025.
The public file has the diffusion network alone. Its autoencoder and the text encoder of CLAP are other people's
networks: the user gives the first as two ONNX files, and embeddings of the texts or classes in a JSON file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..core.errors import CheckpointError, ConfigError, ExtractionError
from ..core.validation import parse
from .checkpoints.weights import load_strictly
from .nets.generative.noise import QueryNoise
from .nets.generative.parametrisation import Denoiser, denoiser
from .nets.generative.samplers.ddim import Ddim
from .nets.generative.udit import Udit, UditConfig
from .nets.generative.variance_preserving import VariancePreserving
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import check_rate, full_float32
from .shared.clue_embeddings import read_clue_embeddings
from .shared.latent_codec import LatentCodec
from .shared.public_weights import read_public_weights
from .shared.wrapped import joined_sha256

NAME = "soloaudio"
RATE_HZ = 24_000

_WANTED = "give soloaudio_v2.pt of the public model, a table with the weights of UDiT under 'model'"


@register_system(NAME)
class SoloAudio:
    """Sound extraction by text or class labels, with the public network of SoloAudio, at 24 kHz.

    A query of several classes is answered class by class, and the answers are added.

    Args:
        model: soloaudio_v2.pt, or weights of the same network in other sizes.
        encoder: ONNX file of the autoencoder's encoder, signals [1, 1, T] to [1, 128, K], or to [1, 256, K] for means
            and deviations before the bottleneck.
        decoder: ONNX file of its decoder, latent frames [1, 128, K] to signals [1, 1, T].
        embeddings: JSON file of CLAP's text embeddings {"Acoustic guitar": [512 numbers], ...}.
        steps: steps of DDIM.
        eta: share of fresh noise of DDIM.
        guidance: weight of classifier-free guidance; 1, as in the public code, is none. Otherwise `embeddings` must
            have one of the text "".

    Raises:
        CheckpointError: the model is missing, damaged, unsafe, or of another network.
        ConfigError: another file cannot be used.
    """

    def __init__(
        self,
        *,
        model: str,
        encoder: str,
        decoder: str,
        embeddings: str,
        steps: Annotated[int, Field(ge=1, le=1000)] = 50,
        eta: Annotated[float, Field(ge=0, le=1)] = 0.0,
        guidance: Annotated[float, Field(ge=0, le=100)] = 1.0,
        device: str = "cpu",
    ) -> None:
        net, sha256 = read_soloaudio(Path(model).expanduser())
        where = f"system {NAME!r}"
        self._clues = read_clue_embeddings(Path(embeddings), size=net.config.clue, where=where)
        if guidance != 1 and self._clues.without_clue is None:
            raise ConfigError(f"{where}: guidance = {guidance:g} needs an embedding of the text '' in {embeddings!r}")
        self._codec = LatentCodec(Path(encoder), Path(decoder), latent=net.config.latent, where=where)
        self._net = net.to(device).eval()
        self._device = device
        self._guidance = guidance
        self._path = VariancePreserving(beta_first=0.00085, beta_last=0.012, schedule="scaled_linear")
        self._sampler = Ddim(steps=steps, eta=eta)
        self.card = SystemCard(
            name=NAME,
            family="generative",
            description="diffusion transformer on latent frames, conditioned on text (Wang et al., 2025)",
            clues=frozenset({"classes", "text"}),
            sample_rate_hz=RATE_HZ,
            checkpoint=model,
            sha256=joined_sha256(sha256, *self._codec.sha256s, self._clues.sha256),
            licence="as the model's makers say",
            classes=self._clues.labels,
            stochastic=True,
            phase="generated",
            options={
                "sampler": "ddim",
                "steps": steps,
                "eta": eta,
                "guidance": guidance,
                "evaluations": steps * (1 if guidance == 1 else 2),
                "encoder": encoder,
                "decoder": decoder,
                "embeddings": embeddings,
            },
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class or text fail alone."""
        check_rate(batch, self.card)
        estimate = torch.zeros_like(batch.mixture[:, 0])
        failures: dict[str, str] = {}
        for row, (query_id, clues) in enumerate(zip(batch.ids, batch.clues, strict=True)):
            embeddings = self._clues.of(clues)
            signal = batch.mixture[row, 0, : int(batch.lengths[row])]
            if isinstance(embeddings, str):
                failures[query_id] = embeddings
            elif signal.any():
                try:
                    with full_float32():
                        estimate[row, : len(signal)] = self._drawn(signal, embeddings, batch.seeds[row]).to(estimate)
                except ExtractionError as error:
                    failures[query_id] = str(error)
        return Extraction(estimate=estimate, failures=failures)

    def _drawn(self, signal: Tensor, embeddings: list[Tensor], seed: int) -> Tensor:
        """Sum of the answers [T] to a mixture [T], one for each embedding."""
        noise = QueryNoise([seed], [self._codec.frames(len(signal))])
        mixture = self._codec.encode(signal, noise)[None].to(self._device)
        total = torch.zeros(len(signal))
        for embedding in embeddings:
            start = torch.zeros_like(mixture)
            model = denoiser(self._network(mixture, embedding[None]), "v", path=self._path, start=start)
            latent = self._sampler.sample(self._path, model, start=start, noise=noise)
            total += self._codec.decode(latent[0], samples=len(signal))
        return total

    def _network(self, mixture: Tensor, clue: Tensor) -> Denoiser:
        """V of states [1, C, K], with guidance."""
        clue = clue.to(mixture)
        nothing = self._clues.without_clue

        def predict(state: Tensor, t: Tensor) -> Tensor:
            step = t * self._path.train_steps - 1.0  # index i of the public schedule is the time (i + 1) / T
            with_clue: Tensor = self._net(state, step, mixture, clue)
            if self._guidance == 1 or nothing is None:
                return with_clue
            without: Tensor = self._net(state, step, mixture, nothing[None].to(mixture))
            return without + self._guidance * (with_clue - without)

        return predict


def read_soloaudio(path: Path) -> tuple[Udit, str]:
    """The network of a public file, with its weights on the CPU, and the file's hash.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, not finite, or of another network.
    """
    where = f"model file {str(path)!r}"
    state, sha256 = read_public_weights(path, known_by="input_proj.weight", of="UDiT", where=where, wanted=_WANTED)
    with torch.device("meta"):
        net = Udit(_config(state, where=where))
    # Angles of the places are computed by our network, and are in the public files too.
    load_strictly(net, state, where=where, of="of UDiT in the sizes of its own weights")
    return net, sha256


def _config(state: Mapping[str, Tensor], *, where: str) -> UditConfig:
    """Sizes of the network by the shapes of its weights."""
    names = ("input_proj", "timbre_proj", "final_layer.linear", "mid_block.attn.norm_q", "mid_block.mlp.fc1")
    found = [state.get(f"{name}.weight") for name in names]
    shapes = [tuple(weight.shape) for weight in found if weight is not None]
    if [len(shape) for shape in shapes] != [2, 2, 2, 1, 2]:
        lacking = next((name for name, weight in zip(names, found, strict=True) if weight is None), names[0])
        raise CheckpointError(f"{where} has no weight '{lacking}.weight' of UDiT; {_WANTED}")
    (hidden, _), (_, clue), (latent, _), (head,), (inner, _) = shapes
    blocks = {match[1] for name in state if (match := re.match(r"in_blocks\.(\d+)\.", name))}
    content = {
        "latent": latent,
        "clue": clue,
        "hidden": hidden,
        "depth": 2 * len(blocks),
        "heads": hidden // max(1, head),
        "mlp_ratio": inner / max(1, hidden),
    }
    try:
        return parse(UditConfig, content, where=where)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
