"""Separation models of asteroid (Pariente et al., Interspeech 2020), followed by the choice of an output.

A separation model has no clue: the estimate is its output nearest to the enrollment (`asteroid`), or, as an upper
bound, its output nearest to the truth (`asteroid_oracle`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..core.errors import CheckpointError, ExtractionError
from ..core.ratios import si_sdr_db
from ..datasets.types import Truth
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.asteroid_models import build_model, open_package
from .shared.batches import check_rate, equal_lengths
from .shared.enrolled import has_samples
from .shared.speaker_embedders import closest_voice, open_embedder
from .shared.speaker_models import Input
from .shared.wrapped import joined_sha256

NAME, ORACLE = "asteroid", "asteroid_oracle"


class Separation:
    """Opened model that separates batches; see `Asteroid` for the options."""

    def __init__(self, name: str, *, model: str, device: str) -> None:
        package = open_package(model)
        self.net = build_model(package).to(device)
        self._device = device
        rate = getattr(self.net, "sample_rate", None) or package.args.get("sample_rate")
        if not isinstance(rate, int | float) or rate <= 0 or rate != int(rate):
            raise CheckpointError(
                f"{package.where} has the sample rate {rate!r}; write a whole number of Hz to "
                "model_args['sample_rate'] and save it again"
            )
        dataset = package.infos.get("dataset")
        self.card = SystemCard(
            name=name,
            family="cascade",
            description=f"asteroid's {package.name}, then the output nearest to the enrollment",
            clues=frozenset({"enrollment"}),
            sample_rate_hz=int(rate),
            checkpoint=model,
            sha256=package.sha256,
            licence="as the model's makers say",
            options={"model_name": package.name, "trained_on": dataset if isinstance(dataset, str) else None},
        )

    def outputs(self, batch: QueryBatch) -> dict[int, Tensor]:
        """Separate each mixture at its own length into signals [N, T_b], by row.

        Raises:
            ExtractionError: the batch is at another rate, or the model's output has another shape.
        """
        check_rate(batch, self.card)
        mixture = batch.mixture[:, :1].to(self._device)
        found: dict[int, Tensor] = {}
        for length, rows in equal_lengths(batch, range(len(batch.ids))):
            separated = self.net(mixture[rows, :, :length])
            if separated.ndim != 3 or separated.shape[::2] != (len(rows), length):
                raise ExtractionError(
                    f"the model gave shape {list(separated.shape)} for mixtures [{len(rows)}, 1, {length}]"
                )
            found |= dict(zip(rows, separated, strict=True))
        return found


@register_system(NAME)
class Asteroid:
    """Separation model of asteroid; the estimate is the voice nearest to the enrollment.

    It works at the rate of the model. Outputs have the model's own level, which is arbitrary if it was trained by
    SI-SDR.

    Args:
        model: a file that asteroid saved (model_name, model_args, state_dict), or its name on Hugging Face's hub. Needs
            the package asteroid: `pip install 'tsebench[asteroid]'`.
        embedder: of voices, to choose the output: a checkpoint of separate_then_identify, or an ONNX file of a speaker
            model, as for the metric speaker_similarity.
        embedder_input: input of an ONNX file: "waveform", samples of full scale ±1, or "fbank80", 80 log mel energies
            as WeSpeaker's models take.
        embedder_rate_hz: sample rate that an ONNX file was trained at; signals are resampled to it.
        embedder_output: name of an ONNX file's output; null: its only one.

    Raises:
        CheckpointError: a model is missing, damaged, unsafe or does not fit.
        ConfigError: a package is missing, or an ONNX file cannot be used.
    """

    runs_foreign_code = True

    def __init__(
        self,
        *,
        model: str,
        embedder: str,
        embedder_input: Input = "waveform",
        embedder_rate_hz: int = 16000,
        embedder_output: str | None = None,
        device: str = "cpu",
    ) -> None:
        self._separation = Separation(NAME, model=model, device=device)
        self._embedder = open_embedder(
            embedder,
            where=f"system {NAME!r}",
            input=embedder_input,
            sample_rate_hz=embedder_rate_hz,
            output=embedder_output,
            device=device,
        )
        card = self._separation.card
        self.card = replace(
            card,
            sha256=joined_sha256(card.sha256, self._embedder.sha256),
            options={
                **card.options,
                "embedder": embedder,
                "embedder_input": embedder_input,
                "embedder_rate_hz": embedder_rate_hz,
                "embedder_output": embedder_output,
            },
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        estimate = torch.zeros_like(batch.mixture[:, 0])
        failures: dict[str, str] = {}
        embedder, rate_hz = self._embedder, batch.sample_rate_hz
        for row, outputs in self._separation.outputs(batch).items():
            enrollments = batch.clues[row].enrollments
            if not has_samples(enrollments):
                failures[batch.ids[row]] = "the query has no enrollment to compare voices with"
                continue
            chosen = closest_voice(list(outputs), torch.cat([*enrollments]), embedder=embedder, sample_rate_hz=rate_hz)
            estimate[row, : outputs.shape[-1]] = outputs[chosen]
        return Extraction(estimate=estimate, failures=failures)


@register_system(ORACLE)
class AsteroidOracle:
    """Separation model of asteroid with an oracle choice of the output.

    It takes the highest SI-SDR to the target, or the least energy where the target is absent.

    Args:
        model: as for `asteroid`: a file that asteroid saved, or its name on Hugging Face's hub.
    """

    runs_foreign_code = True

    def __init__(self, *, model: str, device: str = "cpu") -> None:
        self._separation = Separation(ORACLE, model=model, device=device)
        card = self._separation.card
        self.card = replace(
            card,
            family="oracle",
            privileged=True,
            clues=frozenset(),
            description=f"asteroid's {card.options['model_name']}, the output nearest to the truth",
        )

    @torch.inference_mode()
    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        estimate = torch.zeros_like(batch.mixture[:, 0])
        for row, outputs in self._separation.outputs(batch).items():
            target = truths[row].target
            if target is None:
                fitness = -outputs.square().sum(dim=-1)
            else:
                reference = target[0].to(outputs.device).expand_as(outputs)
                fitness = si_sdr_db(estimate=outputs, reference=reference).nan_to_num(-torch.inf)
            estimate[row, : outputs.shape[-1]] = outputs[int(fitness.argmax())]
        return Extraction(estimate=estimate)
