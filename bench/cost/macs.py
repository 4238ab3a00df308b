"""Multiply-accumulate operations (MACs) of what torch runs, and its peak memory without statistics of an allocator.

Torch's own counter knows matrix products, convolutions and attention; here it also learns recurrent layers, the
attention kernel of the CPU, and products with vectors. An operation counts by its shapes, whatever kernel does it:

- a weight matrix of a recurrent layer is applied once at each step, [P, Q] costs P·Q;
- softmax(Q Kᵀ) V with S queries and U keys costs S·U·(D_qk + D_v) in each head, masked or not;
- `addcmul` costs one for each element: it is how a depthwise convolution can be written.

Not counted: Fourier transforms (`torch.stft`, `torch.fft`), norms, activations and other work element by element, bias
terms, and whatever runs outside of torch's operators or in other threads. A complex product counts as one.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

_FLOPS_PER_MAC = 2
_ATEN = torch.ops.aten

# Torch hands a formula the arguments of an operator with shapes in place of tensors.
Shape = Sequence[int]
Formula = Callable[..., int]


class MacCounter:
    """Counts the MACs of the code in its `with` block.

    Torch runs compiled networks uncompiled meanwhile, so that their operators are seen.
    """

    def __init__(self) -> None:
        self._flops = FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS))

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what this thread runs inside; an earlier count is forgotten."""
        fused = torch.backends.mha.get_fastpath_enabled()
        # The fused transformer layer hides its operators.
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with warnings.catch_warnings():
                # The counter hooks all modules, of which torch warns if one of them is compiled.
                warnings.filterwarnings("ignore", message="Using `torch.compile")
                with self._flops:
                    yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)

    @property
    def macs(self) -> int:
        """MACs of the last block."""
        return int(self._flops.get_total_flops()) // _FLOPS_PER_MAC


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most bytes of tensors alive at once, above those that were there before.

    Memory counts from the operator that returns it until its last tensor is gone. What a kernel takes and frees within
    one operator is not seen.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = 0
        self._live_bytes = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Run an operator and account for the memory of its results."""
        keywords = kwargs or {}
        for storage in _storages((args, keywords)):
            self._known.add(storage)
        result = func(*args, **keywords)
        for storage in _storages(result):
            if storage not in self._known:
                self._known.add(storage)
                self._add(storage.nbytes())
                weakref.finalize(storage, self._add, -storage.nbytes()).atexit = False
        return result

    def _add(self, num_bytes: int) -> None:
        self._live_bytes += num_bytes
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)


def _storages(values: object) -> Iterable[torch.UntypedStorage]:
    """Memory behind the tensors in a nest of values."""
    for value in tree_leaves(values):
        if isinstance(value, torch.Tensor) and value.layout == torch.strided:
            yield value.untyped_storage()


def _matrices(shapes: Sequence[Shape]) -> int:
    """Elements of the weight matrices among the parameters of a recurrent layer."""
    return sum(prod(shape) for shape in shapes if len(shape) == 2)


def _recurrent(sequence: Shape, *args: Any, **_: object) -> int:
    """`nn.RNN`, `nn.GRU`, `nn.LSTM` as a whole: all layers, directions and projections.

    The arguments are (sequence, state, weights, ...), or (data, batch sizes, state, weights, ...) for a packed
    sequence, data [ΣT, Q]; each entry of data is one step.
    """
    weights = args[2] if isinstance(args[2], list) else args[1]
    return _FLOPS_PER_MAC * prod(sequence[:-1]) * _matrices(weights)


def _fused_recurrent(sequence: Shape, weights: Sequence[Shape], *_: object, **__: object) -> int:
    """All layers and directions in one kernel of cuDNN or MIOpen."""
    return _FLOPS_PER_MAC * prod(sequence[:-1]) * _matrices(weights)


def _onednn_recurrent(sequence: Shape, input_weight: Shape, state_weight: Shape, *_: object, **__: object) -> int:
    """One layer in one direction."""
    return _FLOPS_PER_MAC * prod(sequence[:-1]) * _matrices([input_weight, state_weight])


def _attention(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    """Queries [B, H, S, D_qk], keys [B, H, U, D_qk], values [B, H, U, D_v]."""
    return _FLOPS_PER_MAC * prod(query[:-1]) * key[-2] * (key[-1] + value[-1])


def _vector_product(*operands: Shape, **_: object) -> int:
    """A matrix or a vector times a vector, the last two operands."""
    return _FLOPS_PER_MAC * prod(operands[-2])


def _added_batches(_: Shape, left: Shape, right: Shape, *__: object, **___: object) -> int:
    """Σ_b A_b B_b, [B, N, M] and [B, M, P]."""
    return _FLOPS_PER_MAC * prod(left) * right[-1]


def _elementwise(*_: object, out_shape: Shape, **__: object) -> int:
    return _FLOPS_PER_MAC * prod(out_shape)


def _formulas() -> Iterator[tuple[object, Formula]]:
    """Operators and their FLOPs.

    Torch takes an operator apart if it can, unless the overload itself is listed. Recurrent layers are listed so: their
    steps one by one would take minutes.
    """
    for layer in _operators("lstm", "gru", "rnn_tanh", "rnn_relu"):
        yield layer, _recurrent
        yield from ((getattr(layer, overload), _recurrent) for overload in ("input", "data"))
    by_formula: list[tuple[Formula, tuple[str, ...]]] = [
        (_fused_recurrent, ("_cudnn_rnn", "miopen_rnn")),
        (_onednn_recurrent, ("mkldnn_rnn_layer",)),
        (
            _attention,
            ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_fused_attention_overrideable"),
        ),
        (_vector_product, ("mv", "dot", "vdot", "addmv", "addmv_")),
        (_added_batches, ("addbmm", "addbmm_")),
        (_elementwise, ("addcmul", "addcmul_")),
    ]
    yield from ((operator, formula) for formula, names in by_formula for operator in _operators(*names))


def _operators(*names: str) -> Iterator[object]:
    """Those that this release of torch has."""
    yield from (getattr(_ATEN, name) for name in names if hasattr(_ATEN, name))


_FORMULAS = tuple(_formulas())
