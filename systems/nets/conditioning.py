"""Ways to tell a network what to extract: features [B, N, K] meet an embedding [B, D].

One more way is one more class, added to `CONDITIONINGS`. It gives features [B, N, K] again, and
must keep zeros past the end of a signal at zero.
"""

from __future__ import annotations

from torch import Tensor, nn

from ...errors import UnknownNameError


class Multiplication(nn.Module):
    """Each channel times its entry of the embedding (Delcroix et al., 2021, Fig. 1), D = N.

    Args:
        num_channels: N.
        embedding_dim: D; a linear map joins them where they differ.
    """

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        same = num_channels == embedding_dim
        self.gain = nn.Identity() if same else nn.Linear(embedding_dim, num_channels)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        gain: Tensor = self.gain(embedding)
        return features * gain[:, :, None]


CONDITIONINGS = {"multiplication": Multiplication}


def conditioning(name: str, *, num_channels: int, embedding_dim: int) -> nn.Module:
    """Build the conditioning called `name`.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in CONDITIONINGS:
        raise UnknownNameError("conditioning", name, CONDITIONINGS)
    return CONDITIONINGS[name](num_channels=num_channels, embedding_dim=embedding_dim)
