"""Whisper networks of any size, by the package of their authors, and what they hear in signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from ....core.validation import StrictModel
from ..filterbank import rms
from .mel import HOP, WHISPER_RATE_HZ, log_mel, windows_of
from .package import whisper_package
from .recognition import encode, greedy_texts, stem, text_losses
from .vocabulary import Vocabulary, WordVocabulary

Size = Annotated[int, Field(gt=0)]

LEVEL = 10 ** (-26 / 20)
"""RMS of the signals that a Whisper hears, re full scale; others are scaled to it."""
_TOKENS_S = 12.0  # most tokens for each second of a window: more are a loop


class WhisperConfig(StrictModel):
    """Sizes and vocabulary of a Whisper that is trained here.

    Attributes:
        words: all words that it knows, in upper case, separated by spaces.
        sample_rate_hz: of the signals; 8 kHz is doubled before the spectrum.
        n_mels: bands of the log-mel spectra that it hears.
        audio_ctx: states of a window, 20 ms each; longer signals are cut into windows.
        state: width of encoder and decoder.
        heads: of each attention; divides `state`.
        audio_layers: blocks of the encoder.
        text_ctx: most tokens of a text, start and end included.
        text_layers: blocks of the decoder.
        replaced_words: share of the words that the decoder is given in training that are random ones, so that it cannot
            learn the training sentences by heart.
    """

    words: str
    sample_rate_hz: Literal[8000, 16000] = 8000
    n_mels: Literal[80, 128] = 80
    audio_ctx: Annotated[int, Field(gt=0, le=1500)] = 200
    state: Size = 96
    heads: Size = 4
    audio_layers: Annotated[int, Field(gt=0, le=64)] = 3
    text_ctx: Annotated[int, Field(gt=1, le=448)] = 16
    text_layers: Annotated[int, Field(gt=0, le=64)] = 2
    replaced_words: Annotated[float, Field(ge=0, le=1)] = 0.0

    @field_validator("words")
    @classmethod
    def _distinct(cls, words: str) -> str:
        each = words.split()
        if not each or len(set(each)) < len(each) or words != words.upper():
            raise ValueError("write one or more different words in upper case, separated by spaces")
        return " ".join(each)

    @model_validator(mode="after")
    def _divisible(self) -> WhisperConfig:
        if self.state % self.heads or self.state % 2:
            raise ValueError(f"state = {self.state} must be even and a multiple of heads = {self.heads}")
        return self


class Listener(nn.Module):
    """A Whisper with its vocabulary.

    Args:
        model: `whisper.model.Whisper`.
        rate_hz: of the signals, 8 or 16 kHz.
        replaced_words: see `WhisperConfig`.
    """

    def __init__(self, model: Any, vocabulary: Vocabulary, *, rate_hz: int, replaced_words: float = 0.0) -> None:
        super().__init__()
        self.replaced_words = replaced_words
        self.model = model
        self.vocabulary = vocabulary
        self.rate_hz = rate_hz

    @property
    def frames(self) -> int:
        """States of a window."""
        return int(self.model.dims.n_audio_ctx)

    @property
    def samples(self) -> int:
        """Samples of a window at `rate_hz`."""
        return 2 * self.frames * HOP * self.rate_hz // WHISPER_RATE_HZ

    def stems(self, signals: Tensor, lengths: Tensor) -> Tensor:
        """Frames [B, W, K, D] before the encoder's blocks of signals [B, T], zeros past the lengths [B]."""
        levelled = signals * (LEVEL / rms(signals, lengths))
        windows = windows_of(levelled, rate_hz=self.rate_hz, num_frames=2 * self.frames)
        mel = log_mel(windows.flatten(0, 1), n_mels=self.model.dims.n_mels)
        frames = stem(self.model.encoder, mel)
        return frames.view(*windows.shape[:2], *frames.shape[1:])

    def states(self, stems: Tensor, prompts: Tensor | None = None) -> Tensor:
        """States [B, W, K, D] of stems [B, W, K, D], each window after the same prompts [B, P, D]."""
        count = stems.shape[1]
        before = None if prompts is None else prompts.repeat_interleave(count, dim=0)
        return encode(self.model.encoder, stems.flatten(0, 1), before).view(stems.shape)

    def losses(self, states: Tensor, texts: Sequence[str | None], *, replaced: float = 0.0) -> Tensor:
        """Cross-entropies [B] of the texts of states [B, W, K, D], in nats for a token; 0 where there are two windows.

        See `text_losses` for `replaced`.
        """
        heard = [text if states.shape[1] == 1 else None for text in texts]
        return text_losses(self.model.decoder, states[:, 0], heard, self.vocabulary, replaced=replaced)

    def texts(self, states: Tensor, lengths: Tensor) -> tuple[str, ...]:
        """Texts that are most likely, word by word, of states [B, W, K, D] of signals of the lengths [B]."""
        owners = [
            (item, window)
            for item, length in enumerate(lengths.tolist())
            for window in range(max(1, -(-length // self.samples)))
        ]
        index = torch.tensor(owners, device=states.device).unbind(dim=1)
        most = max(4, round(self.samples / self.rate_hz * _TOKENS_S))
        parts = greedy_texts(self.model.decoder, states[index], self.vocabulary, most=most)
        joined: list[list[str]] = [[] for _ in lengths]
        for (item, _), text in zip(owners, parts, strict=True):
            joined[item].append(text)
        return tuple(" ".join(" ".join(each).split()) for each in joined)


def new_listener(config: WhisperConfig) -> Listener:
    """A Whisper of a config, on the CPU, with fresh weights from torch's global generator."""
    vocabulary = WordVocabulary(tuple(config.words.split()))
    model = whisper_package("whisper.model")
    dims = model.ModelDimensions(
        n_mels=config.n_mels,
        n_audio_ctx=config.audio_ctx,
        n_audio_state=config.state,
        n_audio_head=config.heads,
        n_audio_layer=config.audio_layers,
        n_vocab=vocabulary.size,
        n_text_ctx=config.text_ctx,
        n_text_state=config.state,
        n_text_head=config.heads,
        n_text_layer=config.text_layers,
    )
    # Some of its buffers are in no checkpoint: never on the device "meta".
    with torch.device("cpu"):
        net = model.Whisper(dims)
    # The package leaves the positions uninitialised, and draws tokens of variance 1, which are logits' weights too.
    nn.init.normal_(net.decoder.positional_embedding, std=0.02)
    nn.init.normal_(net.decoder.token_embedding.weight, std=0.05)
    return Listener(net, vocabulary, rate_hz=config.sample_rate_hz, replaced_words=config.replaced_words)
