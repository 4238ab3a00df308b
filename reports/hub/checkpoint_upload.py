"""A checkpoint as a repository of a hub: safetensors, the card as JSON, and the card in words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ...core.hub.reference import HubReference
from ...core.hub.upload import Upload
from ...systems.checkpoints.checkpoint import CARD, CheckpointCard, load_checkpoint, read_checkpoint_card
from ...systems.checkpoints.tensor_files import TENSORS, tensor_bytes
from ..tables.escapes import markdown, markdown_code
from .front_matter import PAGE, TAGS, front_matter, licence_keys


def checkpoint_upload(checkpoint: str, reference: HubReference) -> Upload:
    """Files of a checkpoint; its weights are checked, and become safetensors.

    Args:
        checkpoint: a folder, a weights file with its card next to it, or a shipped name.
        reference: where it goes, for its page.

    Raises:
        CheckpointError: it is missing, damaged or not finite.
    """
    architecture = read_checkpoint_card(checkpoint).architecture
    opened = load_checkpoint(checkpoint, architecture=architecture)
    weights = tensor_bytes(opened.state)
    card = opened.card.model_copy(update={"sha256": hashlib.sha256(weights).hexdigest()})
    parameters = sum(tensor.numel() for tensor in opened.state.values())
    files = {
        TENSORS: weights,
        CARD: f"{card.model_dump_json(indent=2)}\n".encode(),
        PAGE: "\n".join(_page(card, parameters, reference)).encode(),
    }
    return Upload(kind="model", files=files, message=f"Checkpoint of {architecture}, sha256 {card.sha256[:12]}")


def _page(card: CheckpointCard, parameters: int, reference: HubReference) -> Iterator[str]:
    front = {
        **licence_keys(card.licence),
        "library_name": "tsebench",
        "pipeline_tag": "audio-to-audio",
        "tags": [*TAGS, card.architecture],
    }
    yield front_matter(front)
    yield f"# {markdown(reference.repo.partition('/')[2])}\n"
    yield f"Weights of the system {markdown_code(card.architecture)} of tsebench.\n"
    yield "```yaml\nsystems:"
    yield f"  - name: {card.architecture}\n    options: {{checkpoint: {reference}}}\n```\n"
    yield "Write a commit hash after `@` to stay with these weights. A run records commit and hash in any case.\n"
    yield "| fact | value |\n| --- | --- |"
    for name, value in _facts(card, parameters):
        yield f"| {name} | {value} |"
    yield ""


def _facts(card: CheckpointCard, parameters: int) -> Iterator[tuple[str, str]]:
    """Names and values in Markdown; what the card does not say is left out."""
    yield "sample rate", f"{card.sample_rate_hz} Hz"
    yield "parameters", str(parameters)
    yield "SHA-256 of the weights", f"`{card.sha256}`"
    yield "licence", markdown(card.licence, inline=True)
    for name, value in (
        ("classes", ", ".join(card.classes)),
        ("training data", ", ".join(card.training_data)),
        ("fingerprint of the training data", card.data_fingerprint),
        ("loss", card.loss),
        ("best validation loss", card.best_valid_loss),
        ("epochs", card.epochs),
        ("steps", card.steps),
        ("seed", card.seed),
        ("prepared", card.prepared),
        ("initial estimates by", card.initial.checkpoint if card.initial else None),
        ("also trained on estimates of", card.teacher.checkpoint if card.teacher else None),
        ("adapted to", ", ".join(card.adapted.classes) if card.adapted else None),
        ("version of tsebench", card.tsebench_version),
    ):
        if value not in {None, ""}:
            yield name, markdown(str(value), inline=True)
    for name, number in card.net.items():
        yield f"net: {markdown(name, inline=True)}", markdown(str(number), inline=True)
