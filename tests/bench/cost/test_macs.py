"""Operations and memory of what torch runs, with closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tsebench.bench.cost.macs import LiveTensors, MacCounter

MODES = (torch.inference_mode, torch.no_grad)


def macs(function: Callable[..., Any], *inputs: Any) -> int:
    """MACs, which must not depend on how torch takes operators apart."""
    counter = MacCounter()
    counts = []
    for mode in MODES:
        with mode(), counter.counting():
            function(*inputs)
        counts.append(counter.macs)
    assert counts[0] == counts[1]
    return counts[0]


def test_linear() -> None:
    assert macs(nn.Linear(5, 3), torch.randn(2, 7, 5)) == 2 * 7 * 5 * 3
    assert macs(nn.Linear(5, 3, bias=False), torch.randn(5)) == 5 * 3


@pytest.mark.parametrize(("stride", "groups", "dilation", "padding"), [(1, 1, 1, 0), (2, 3, 1, 2), (3, 6, 2, 1)])
def test_conv1d(stride: int, groups: int, dilation: int, padding: int) -> None:
    layer = nn.Conv1d(6, 12, 4, stride=stride, groups=groups, dilation=dilation, padding=padding)
    frames = (50 + 2 * padding - dilation * 3 - 1) // stride + 1
    assert macs(layer, torch.randn(2, 6, 50)) == 2 * frames * 12 * (6 // groups) * 4


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (3, 2)])
def test_transposed_conv1d(stride: int, groups: int) -> None:
    layer = nn.ConvTranspose1d(6, 4, 5, stride=stride, groups=groups)
    # Each of the 20 input frames meets a kernel of 5 taps for each pair of channels in a group.
    assert macs(layer, torch.randn(2, 6, 20)) == 2 * 20 * 6 * (4 // groups) * 5


def test_conv2d() -> None:
    layer = nn.Conv2d(2, 3, (3, 5), stride=(1, 2), padding=(1, 2))
    assert macs(layer, torch.randn(1, 2, 10, 20)) == 10 * 10 * 3 * 2 * 15


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_recurrent(kind: type[nn.RNNBase], gates: int, bidirectional: bool, num_layers: int) -> None:
    layer = kind(5, 6, num_layers, bidirectional=bidirectional, batch_first=True)
    directions = 2 if bidirectional else 1
    first = gates * 6 * (5 + 6)
    later = gates * 6 * (6 * directions + 6)
    expected = 2 * 9 * directions * (first + (num_layers - 1) * later)
    assert macs(layer, torch.randn(2, 9, 5)) == expected


def test_relu_rnn_with_time_first() -> None:
    assert macs(nn.RNN(5, 6, nonlinearity="relu"), torch.randn(9, 2, 5)) == 18 * 6 * 11


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_lstm_with_projection() -> None:
    layer = nn.LSTM(5, 6, proj_size=3, batch_first=True)
    assert macs(layer, torch.randn(2, 9, 5)) == 2 * 9 * (24 * (5 + 3) + 3 * 6)


def test_packed_sequences_count_their_true_steps() -> None:
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(2, 7, 5), torch.tensor([7, 4]), batch_first=True)
    assert macs(nn.GRU(5, 6), packed) == (7 + 4) * 18 * 11
    assert macs(nn.LSTM(5, 6), packed) == (7 + 4) * 24 * 11


def test_recurrent_cells() -> None:
    assert macs(nn.LSTMCell(5, 6), torch.randn(3, 5)) == 3 * 24 * 11
    assert macs(nn.GRUCell(5, 6), torch.randn(3, 5)) == 3 * 18 * 11


def test_recurrent_kernel_of_cudnn() -> None:
    layer = nn.LSTM(5, 6, 2, bidirectional=True, device="meta")
    state = torch.zeros(4, 2, 6, device="meta")

    def run() -> None:
        torch.ops.aten._cudnn_rnn(
            torch.zeros(9, 2, 5, device="meta"),
            list(layer.parameters()),
            4,
            torch.zeros(0, device="meta"),
            state,
            state,
            2,  # LSTM
            6,
            0,
            2,
            False,
            0.0,
            False,
            True,
            [],
            None,
        )

    assert macs(run) == 9 * 2 * 2 * (24 * (5 + 6) + 24 * (12 + 6))


def attention_macs(*, batch: int, steps: int, dim: int) -> int:
    """Four projections, Q Kᵀ and the weighted sum of the values."""
    return batch * (4 * steps * dim * dim + 2 * steps * steps * dim)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_multihead_attention(need_weights: bool, training: bool) -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True).train(training)
    x = torch.randn(3, 7, 8)
    counted = macs(lambda: layer(x, x, x, need_weights=need_weights))
    assert counted == attention_macs(batch=3, steps=7, dim=8)


def test_scaled_dot_product_attention_with_other_keys() -> None:
    query, key, value = torch.randn(2, 3, 7, 4), torch.randn(2, 3, 9, 4), torch.randn(2, 3, 9, 4)
    expected = 2 * 3 * 7 * 9 * (4 + 4)
    assert macs(F.scaled_dot_product_attention, query, key, value) == expected
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        assert macs(F.scaled_dot_product_attention, query, key, value) == expected


def test_transformer_layer_is_not_hidden_by_its_fused_kernel() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    expected = attention_macs(batch=1, steps=7, dim=8) + 2 * 7 * 8 * 16
    assert macs(layer, torch.randn(1, 7, 8)) == expected
    assert torch.backends.mha.get_fastpath_enabled()


def test_products() -> None:
    matrix, vector = torch.randn(4, 5), torch.randn(5)
    assert macs(lambda: matrix @ vector) == 20
    assert macs(lambda: vector @ vector) == 5
    assert macs(lambda: torch.addmv(torch.randn(4), matrix, vector)) == 20
    batches = torch.randn(3, 4, 5), torch.randn(3, 5, 6)
    assert macs(lambda: torch.addbmm(torch.randn(4, 6), *batches)) == 3 * 4 * 5 * 6
    assert macs(lambda: torch.einsum("bij,bjk->bik", *batches)) == 3 * 4 * 5 * 6
    assert macs(lambda: torch.addcmul(matrix, matrix, vector)) == 20
    assert macs(lambda: matrix.clone().addcmul_(matrix, vector)) == 20


def test_elementwise_work_and_fourier_transforms_are_not_counted() -> None:
    x = torch.randn(1, 4, 64)
    assert macs(lambda: F.group_norm(torch.tanh(x) * x + x, 1)) == 0
    assert macs(lambda: torch.stft(x[0], 16, 8, window=torch.ones(16), return_complex=True)) == 0


def test_compiled_network_counts_as_it_would_uncompiled() -> None:
    net = torch.compile(nn.Sequential(nn.Linear(8, 3), nn.ReLU()), backend="eager")
    x = torch.randn(7, 8)
    with torch.inference_mode():
        net(x)
    assert macs(net, x) == 7 * 8 * 3


@pytest.mark.parametrize("grad_mode", MODES)
def test_peak_of_a_chain(grad_mode: Callable[[], Any]) -> None:
    x = torch.randn(250_000)  # 1 MB
    with grad_mode(), LiveTensors() as memory:
        first = x + 1
        second = first * 2
        third = first + second  # three at once
        del first, second
        third.add_(1)  # in place, and views, take nothing
        third = third[10:].view(-1)
    assert memory.peak_bytes == 3_000_000


def test_memory_that_was_there_is_not_counted() -> None:
    weight = torch.randn(100, 100)
    with torch.inference_mode(), LiveTensors() as memory:
        product = weight.t()[:50] @ weight.view(100, 100)
    assert memory.peak_bytes == product.nbytes


def test_memory_inside_of_composite_operators_is_seen_while_macs_are_counted() -> None:
    q = torch.randn(1, 1, 200, 4)
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        torch.inference_mode(),
        LiveTensors() as memory,
        MacCounter().counting(),
    ):
        F.scaled_dot_product_attention(q, q, q)
    assert memory.peak_bytes >= 2 * 200 * 200 * 4  # scores and their softmax
