"""The part of Conv-TasNet between features and the logits of a mask, as a block of its own."""

from __future__ import annotations

from torch import Tensor, nn

from .tcn import NormName, PReLU, Stack, apply_mask, layer_norm


class TcnPart(nn.Module):
    """Norm, 1×1 to the bottleneck, R stacks of X blocks, PReLU, 1×1 out.

    With skip paths the output is made of their sum, else of the residual path (Luo and Mesgarani,
    2019, Fig. 1).

    Args:
        channels_in: of the features.
        channels_out: of the answer.
        bottleneck: B.
        hidden: H.
        kernel: P.
        blocks: X, in a stack.
        stacks: R.
        skip: Sc; 0 has no skip paths.
        norm: "global" or "cumulative".
    """

    def __init__(
        self,
        *,
        channels_in: int,
        channels_out: int,
        bottleneck: int,
        hidden: int,
        kernel: int,
        blocks: int,
        stacks: int,
        skip: int = 0,
        norm: NormName = "global",
    ) -> None:
        super().__init__()
        self.norm = layer_norm(norm, channels_in)
        self.bottleneck = nn.Conv1d(channels_in, bottleneck, 1)
        self.stacks = nn.ModuleList(
            Stack(
                num_blocks=blocks,
                bottleneck=bottleneck,
                hidden=hidden,
                kernel=kernel,
                norm=norm,
                skip=skip,
            )
            for _ in range(stacks)
        )
        self.activation = PReLU()
        self.output = nn.Conv1d(skip or bottleneck, channels_out, 1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] with zeros past the end to [B, channels_out, K], zeros there too."""
        features = apply_mask(self.bottleneck(self.norm(features, mask)), mask)
        total: Tensor | None = None
        for stack in self.stacks:
            features, skipped = stack(features, mask)
            if skipped is not None:
                total = skipped if total is None else total + skipped
        chosen = features if total is None else total
        return apply_mask(self.output(self.activation(chosen)), mask)
