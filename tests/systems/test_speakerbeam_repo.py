"""Models of the public SpeakerBeam repository: the same answer, or a refusal in one line."""

from __future__ import annotations

import pytest
import torch
from helpers.speakerbeam_repo import STRIDE, B, H, P, R, State, X, arguments, saved, weights
from helpers.voices import batch, noise
from torch import Tensor
from torch.nn import functional as F

from tsebench.core.errors import CheckpointError
from tsebench.doctor.system_checks import check_system
from tsebench.systems.registry import load_system

NAME = "speakerbeam_repo"


def norm(x: Tensor, state: State, name: str) -> Tensor:
    mean = x.mean()
    scaled = (x - mean) / torch.sqrt(((x - mean) ** 2).mean() + 1e-8)
    return scaled * state[f"{name}.gamma"][:, None] + state[f"{name}.beta"][:, None]


def tcn(x: Tensor, state: State, part: str, *, repeats: int, skip: bool, adapt=None, at: object = None) -> Tensor:
    """asteroid's TDConvNet of one signal [1, N, K], written from its description."""
    x = norm(x, state, f"{part}.bottleneck.0")
    x = F.conv1d(x, state[f"{part}.bottleneck.1.weight"], state[f"{part}.bottleneck.1.bias"])
    total = torch.zeros(())
    for index in range(repeats * X):
        block, dilation = f"{part}.TCN.{index}", 2 ** (index % X)

        def conv(y: Tensor, name: str, block=block, **options) -> Tensor:
            return F.conv1d(y, state[f"{block}.{name}.weight"], state[f"{block}.{name}.bias"], **options)

        y = F.prelu(conv(x, "shared_block.0"), state[f"{block}.shared_block.1.weight"])
        y = norm(y, state, f"{block}.shared_block.2")
        y = conv(y, "shared_block.3", groups=H, dilation=dilation, padding=dilation * (P - 1) // 2)
        y = F.prelu(y, state[f"{block}.shared_block.4.weight"])
        y = norm(y, state, f"{block}.shared_block.5")
        residual = conv(y, "res_conv")
        skipped = conv(y, "skip_conv") if skip else None
        if adapt is not None and index == at:
            residual, skipped = adapt(residual, skipped)
        total = total + skipped if skip else total
        x = x + residual
    x = F.prelu(total if skip else x, state[f"{part}.mask_net.0.weight"])
    return F.conv1d(x, state[f"{part}.mask_net.1.weight"], state[f"{part}.mask_net.1.bias"])


def public_answer(state: State, args: dict[str, object], mixture: Tensor, enrollment: Tensor) -> Tensor:
    """The estimate [T] of the public network, a second implementation."""
    skip, concat = bool(args["skip_chan"]), args["adapt_layer_type"] == "concat"
    encoded = F.conv1d(enrollment[None, None], state["auxiliary.1.filterbank._filters"], stride=STRIDE)
    embedding = tcn(encoded, state, "auxiliary.2", repeats=1, skip=skip).mean(dim=-1)
    halves = embedding.chunk(2, dim=1) if skip else (embedding, None)

    def told(x: Tensor | None, clue: Tensor | None, path: int) -> Tensor | None:
        if x is None or clue is None:
            return None
        if args["adapt_layer_type"] == "muladd":
            gain, bias = clue[..., None].chunk(2, dim=1)
            return x * gain + bias
        if not concat:
            return x * clue[..., None]
        both = torch.cat([x, clue[..., None].expand(-1, -1, x.shape[-1])], dim=1)
        layer = f"masker.adapt_layer.transform.{path}"
        return F.conv1d(both, state[f"{layer}.weight"][..., None], state[f"{layer}.bias"])

    encoded = F.conv1d(mixture[None, None], state["encoder.filterbank._filters"], stride=STRIDE)
    mask = tcn(
        encoded, state, "masker", repeats=R, skip=skip,
        at=args["i_adapt_layer"], adapt=lambda r, s: (told(r, halves[0], 0), told(s, halves[1], 1)),
    )  # fmt: skip
    acts = {"relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda logits: logits}
    mask = acts[str(args["mask_act"])](mask)
    decoded = F.conv_transpose1d(mask * encoded, state["decoder.filterbank._filters"], stride=STRIDE)
    return F.pad(decoded[0, 0], (0, len(mixture) - decoded.shape[-1]))


VARIANTS = [
    {},
    {"mask_act": "sigmoid", "skip_chan": 0},
    {"skip_chan": None},
    {"adapt_layer_type": "concat", "adapt_enroll_dim": 5},
    {"adapt_layer_type": "concat", "adapt_enroll_dim": 4, "skip_chan": 0},
    {"adapt_layer_type": "muladd", "adapt_enroll_dim": 2 * B},
    {"adapt_layer_type": "muladd", "adapt_enroll_dim": 2 * B, "skip_chan": 0, "i_adapt_layer": 2},
    {"adapt_layer_type": "concat", "adapt_enroll_dim": 5, "i_adapt_layer": 4, "mask_act": "linear"},
    {"mask_act": "linear"},
    {"i_adapt_layer": 0},
    {"i_adapt_layer": X * R - 1, "skip_chan": 0},
]


@pytest.mark.parametrize("changes", VARIANTS)
def test_answer_is_that_of_the_public_network(changes, tmp_path):
    system = load_system(NAME, model=saved(tmp_path, **changes))
    args = arguments(**changes)
    state = weights(args)
    lengths = (1003, 900)
    asked = batch((noise(711, 1),), (noise(400, 2),), num_samples=lengths[0])
    asked.lengths.copy_(torch.tensor(lengths))
    asked.mixture[:] *= 0.03
    asked.mixture[1, :, lengths[1] :] = 0
    answer = system.extract(asked).estimate
    for row, length in enumerate(lengths):
        enrollment = asked.clues[row].enrollments[0]
        expected = public_answer(state, args, asked.mixture[row, 0, :length], enrollment)
        assert expected.abs().max() > 1e-3
        torch.testing.assert_close(answer[row, :length], expected, atol=2e-6, rtol=1e-4)
        assert row == 0 or answer[row, length:].abs().max() == 0


@pytest.mark.parametrize("changes", VARIANTS)
def test_contract(changes, tmp_path):
    system = load_system(NAME, model=saved(tmp_path, **changes))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 4.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    assert system.card.sample_rate_hz == 8000
    assert system.card.options["normalise"] is False


def test_published_size_is_built(tmp_path):
    # What conf.yml of its Libri2Mix recipe says.
    from tsebench.systems.shared.asteroid_packages import Package
    from tsebench.systems.speakerbeam_repo import config_of

    args = {
        "n_filters": 512, "kernel_size": 16, "stride": 8, "n_blocks": 8, "n_repeats": 3,
        "mask_act": "relu", "bn_chan": 128, "skip_chan": 128, "hid_chan": 512,
        "i_adapt_layer": 7, "adapt_layer_type": "mul", "adapt_enroll_dim": 128,
    }  # fmt: skip
    package = Package(name="TimeDomainSpeakerBeam", args=args, state={}, infos={}, sha256="", where="file")
    config = config_of(package)
    assert (config.num_filters, config.stacks, config.conditioned_after) == (512, 3, 1)
    assert (config.conditioning, config.mask) == ("multiplication", "relu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adapt_layer_type": "attn"}, "'adapt_layer_type'] = 'attn' is not supported"),
        ({"adapt_layer_type": "muladd", "adapt_enroll_dim": 10}, "'adapt_enroll_dim'] = 10 with .* must be twice"),
        ({"norm_type": "cgLN"}, r"'norm_type'\] = 'cgLN' is not supported \(known: 'gLN'\)"),
        ({"causal": True}, "'causal'] = True"),
        ({"fb_name": "STFTFB"}, "'fb_name'] = 'STFTFB'"),
        ({"encoder_activation": "relu"}, "'encoder_activation'] = 'relu'"),
        ({"mask_act": "softmax"}, "'mask_act'] = 'softmax'"),
        ({"i_adapt_layer": -1}, r"'i_adapt_layer'\] = -1 with n_blocks = 2 and n_repeats = 3; it must be"),
        ({"n_repeats": 1}, r"with n_blocks = 2 and n_repeats = 1; it must be"),
        ({"i_adapt_layer": None}, r"'i_adapt_layer'\] = None"),
        ({"i_adapt_layer": R * X}, r"'i_adapt_layer'\] = 6 with"),
        ({"hid_chan": "many"}, "hidden"),
    ],
)  # fmt: skip
def test_other_networks_are_refused_with_the_reason(changes, message, tmp_path):
    path = saved(tmp_path, weights(arguments()), **changes)
    with pytest.raises(CheckpointError, match=message.replace("']", r"'\]")) as caught:
        load_system(NAME, model=path)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_one_line(tmp_path):
    state = weights(arguments())
    state["masker.TCN.0.other.weight"] = torch.ones(1)
    with pytest.raises(CheckpointError, match=r"the weight 'masker.TCN.0.other.weight', for which"):
        load_system(NAME, model=saved(tmp_path, state))
    state = weights(arguments())
    del state["decoder.filterbank._filters"]
    with pytest.raises(CheckpointError, match=r"lacks key 'extractor\.decoder\.basis"):
        load_system(NAME, model=saved(tmp_path, state))
    with pytest.raises(CheckpointError, match=r"widen\.weight' is float32 \[10, 6, 1\], but"):
        load_system(NAME, model=saved(tmp_path, weights(arguments()), hid_chan=11))


def test_model_of_asteroid_is_refused(tmp_path):
    torch.save({"model_name": "ConvTasNet", "model_args": {}, "state_dict": {}}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"holds a 'ConvTasNet', .* by system 'asteroid'"):
        load_system(NAME, model=str(tmp_path / "model.pth"))
