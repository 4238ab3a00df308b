"""Checkpoints of SGMSE: averaged weights, the public sampling, and files that are refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from helpers.sgmse_files import SBVE, SIZES, hyper_parameters, network, public_class, saved
from torch import Tensor

from tsebench.core.errors import CheckpointError
from tsebench.datasets.batches import collate, query_at, resampled
from tsebench.datasets.types import Clues, Query
from tsebench.systems.nets.generative.noise import QueryNoise, member_seeds
from tsebench.systems.nets.generative.paths import SchroedingerBridge
from tsebench.systems.nets.generative.samplers.ddim import Ddim
from tsebench.systems.registry import load_system
from tsebench.systems.shared.sgmse_bridge import PublicBridge
from tsebench.systems.shared.sgmse_files import read_sgmse

RATE = 16000
WHERE = r"model file '.*model.ckpt'"


def query(samples: int = 400, *, seed: int = 5, level: float = 0.1, name: str = "q") -> Query:
    signal = level * torch.randn(1, samples, generator=torch.Generator().manual_seed(samples))
    return Query(id=name, mixture=signal, sample_rate_hz=RATE, clues=Clues(), seed=seed)


def answer(model: str, *queries: Query, **options: object) -> Tensor:
    estimate = load_system("sgmse", model=model, **{"steps": 2, **options}).extract(collate(queries)).estimate
    assert isinstance(estimate, Tensor)
    return estimate


def test_the_averaged_weights_are_those_of_the_list(tmp_path: Path) -> None:
    net = network()
    found = read_sgmse(Path(saved(tmp_path, net=net)), weights="ema").net
    last = read_sgmse(tmp_path / "model.ckpt", weights="last").net
    for name, parameter in net.state_dict().items():
        assert torch.equal(found.state_dict()[name], parameter)
        assert torch.equal(last.state_dict()[name], parameter if name == "all_modules.0.W" else 2 * parameter)


def test_the_list_of_older_packages_lacks_the_fixed_frequencies(tmp_path: Path) -> None:
    net = network()
    trained = [parameter.detach() for parameter in net.parameters() if parameter.requires_grad]
    path = saved(tmp_path, net=net, ema={"decay": 0.999, "num_updates": 1, "shadow_params": trained})
    found = read_sgmse(Path(path), weights="ema").net
    assert all(torch.equal(found.state_dict()[name], value) for name, value in net.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize("scale_by_sigma", [True, False])
def test_sampling_is_the_papers_predictor_corrector(scale_by_sigma: bool, tmp_path: Path) -> None:
    """Richter et al., 2023, algorithm 1, with the times, the normalisation and the spectra of the public code."""
    steps, theta, low, high, eps, r = 3, 1.5, 0.05, 0.5, 0.03, 0.5
    net = network(division="inside" if scale_by_sigma else "none")
    path = saved(tmp_path, hyper=hyper_parameters(scale_by_sigma=scale_by_sigma))
    given = query(101 * 8)
    signal = given.mixture.double()
    peak = signal.abs().max()
    window = torch.hann_window(30, dtype=torch.float64)
    linear = torch.stft(signal / peak, 30, 8, window=window, return_complex=True)
    noisy = torch.polar(0.15 * linear.abs().sqrt(), linear.angle())
    assert noisy.shape[-1] == 102  # a multiple of 2 already
    noise = QueryNoise([given.seed], [102])
    ratio = math.log(high / low)

    def std(t: float) -> float:
        grown = math.exp(2 * ratio * t) - math.exp(-2 * theta * t)
        return math.sqrt(low**2 * grown * ratio / (theta + ratio))

    def score(x: Tensor, t: float) -> Tensor:
        pair = torch.stack((x, noisy), dim=1).to(torch.complex64)
        return -net(pair, torch.tensor([t])).to(torch.complex128)

    x = noisy + std(1.0) * noise.draw(noisy)
    times = torch.linspace(1.0, eps, steps).tolist()
    for t, after in zip(times, [*times[1:], 0.0], strict=True):
        size = 2 * (r * std(t)) ** 2
        x = x + size * score(x, t) + math.sqrt(2 * size) * noise.draw(x)
        diffusion = 2 * ratio * (low * math.exp(ratio * t)) ** 2
        mean = x - (t - after) * (theta * (noisy - x) - diffusion * score(x, t))
        x = mean + math.sqrt(diffusion * (t - after)) * noise.draw(x) if after else mean
    clean = torch.polar((x.abs() / 0.15) ** 2, x.angle())
    expected = peak * torch.istft(clean, 30, 8, window=window, length=signal.shape[-1])
    found = answer(path, given, steps=steps)
    assert float((found - signal).norm() / signal.norm()) > 0.1
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_the_bridge_is_ddim_told_the_time_after_the_step() -> None:
    """But for the first step, which leaves a part of the degraded signal more than the path of the paper has."""
    steps, last = 5, 1e-4
    late = (1 - last) / steps
    start = torch.randn(2, 4, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    path, noise = SchroedingerBridge(), QueryNoise([1, 2], [4, 4])
    states: list[Tensor] = []

    def data(state: Tensor, t: Tensor) -> Tensor:
        states.append(state)
        return 0.3 * state * torch.cos(3 * t)[:, None] + 0.2 * start.conj()

    def shifted(state: Tensor, t: Tensor) -> Tensor:
        return data(state, (t - late).clamp_min(last))

    found = PublicBridge(k=2.6, c=0.4, steps=steps, stochastic=False).sample(path, data, start=start, noise=noise)
    second = torch.full((2,), 1 - late, dtype=torch.float64)
    at = path.coefficients(second)
    whole = math.sqrt(0.4 * (2.6**2 - 1) / (2 * math.log(2.6)))
    more = at.noise * (1 - 1 / whole)  # the small numbers in the divisors cancel out
    expected = at.data[:, None] * data(start, second) + (at.start + more)[:, None] * start
    torch.testing.assert_close(states[1], expected, rtol=1e-4, atol=1e-4)
    ddim = Ddim(steps=steps - 1, last=last, to_data=False)
    expected = ddim.sample(path, shifted, start=start, noise=noise, state=states[1], first=second)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_stochastic_bridge_has_the_variance_of_its_path() -> None:
    """For a known answer, states at the end of k steps are those of the bridge (Jukić et al., 2024, eq. 11)."""
    count = 20_000
    start, clean = torch.full((1, count), 2.0), torch.full((1, count), -1.0)
    seen: list[Tensor] = []

    def data(state: Tensor, t: Tensor) -> Tensor:
        seen.append(state)
        return clean

    bridge = PublicBridge(k=2.6, c=0.4, steps=4, stochastic=True)
    path = SchroedingerBridge()
    found = bridge.sample(path, data, start=start, noise=QueryNoise([3], [count]))
    torch.testing.assert_close(found, clean, atol=1e-3, rtol=0)
    for index, state in enumerate(seen[1:], 1):
        at = path.coefficients(torch.tensor([1.0 - (1 - 1e-4) * index / 4]))
        assert float(state.mean()) == pytest.approx(float(at.data * -1.0 + at.start * 2.0), abs=0.02)
        assert float(state.std()) == pytest.approx(float(at.noise), rel=0.02)


def test_a_bridge_draws_noise_as_sde_only(tmp_path: Path) -> None:
    path = saved(tmp_path, hyper=hyper_parameters(**SBVE))
    ode, sde = load_system("sgmse", model=path), load_system("sgmse", model=path, bridge="sde")
    assert (ode.card.stochastic, sde.card.stochastic) == (False, True)
    assert (ode.card.options["sampler"], ode.card.options["evaluations"]) == ("bridge_ode", 6)
    one, other = query(seed=1), query(seed=2)
    assert torch.equal(answer(path, one), answer(path, other))
    assert not torch.equal(answer(path, one, bridge="sde"), answer(path, other, bridge="sde"))


def test_seeds_and_the_ensemble(tmp_path: Path) -> None:
    path = saved(tmp_path)
    first = answer(path, query(seed=1))
    assert torch.equal(answer(path, query(seed=1)), first)
    assert float((answer(path, query(seed=2)) - first).norm() / first.norm()) > 0.01
    members = [answer(path, query(seed=seed)) for seed in member_seeds(1, 2)]
    torch.testing.assert_close(answer(path, query(seed=1), ensemble=2), sum(members) / 2, rtol=1e-4, atol=1e-6)
    options = load_system("sgmse", model=path, ensemble=2, steps=3).card.options
    assert options["evaluations"] == 2 * 3 * 2


def test_levels_lengths_and_silence(tmp_path: Path) -> None:
    path = saved(tmp_path)
    given, short = query(400), query(12, name="short")
    quiet = query(400, name="quiet", level=0.01)
    silent = Query(id="silent", mixture=torch.zeros(1, 300), sample_rate_hz=RATE, clues=Clues())
    together = answer(path, given, short, quiet, silent)
    torch.testing.assert_close(together[0], answer(path, given)[0])
    torch.testing.assert_close(together[1, :12], answer(path, short)[0])
    torch.testing.assert_close(together[2] * 10, together[0], rtol=1e-3, atol=1e-5)
    assert not together[3].any()
    assert torch.isfinite(together).all()


def test_an_initial_estimate_is_enhanced_in_place_of_the_mixture(tmp_path: Path) -> None:
    """At the checkpoint's 8 kHz and back; the answer is that to the estimate as a mixture."""
    path = saved(tmp_path)
    first = load_system("td_speakerbeam", checkpoint="td_speakerbeam_mini")
    signal = 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    enrollment = 0.1 * torch.randn(6000, generator=torch.Generator().manual_seed(1))
    given = Query(id="q", mixture=signal, sample_rate_hz=RATE, clues=Clues(enrollments=(enrollment,)), seed=5)
    estimate = first.extract(collate([query_at(given, 8000)])).estimate
    estimate = resampled(estimate[0], 8000, RATE)[None, :8000]
    expected = answer(path, Query(id="q", mixture=estimate, sample_rate_hz=RATE, clues=Clues(), seed=5))
    found = answer(path, given, initial="td_speakerbeam_mini")
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    system = load_system("sgmse", model=path, initial="td_speakerbeam_mini", steps=1)
    assert system.card.clues == {"enrollment"}
    assert system.card.sha256 != load_system("sgmse", model=path).card.sha256
    failed = system.extract(collate([query()]))
    assert failed.failures == {"q": "the query has no enrollment, and the initial estimate needs at least one"}


class Runs:
    """Runs a program if it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        import os

        return os.system, (f"touch {self.target}",)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    target = tmp_path / "was run"
    path = saved(tmp_path, hyper={**hyper_parameters(), "extra": Runs(target)})
    with pytest.raises(CheckpointError, match=r"needs '(os|posix|nt)\.system' to be opened.*nothing in it was run"):
        load_system("sgmse", model=path)
    with public_class(name="Other") as other:
        path = saved(tmp_path, hyper={**hyper_parameters(), "extra": other})
    with pytest.raises(CheckpointError, match=r"needs 'sgmse\.data_module\.Other'"):
        load_system("sgmse", model=path)
    assert not target.exists()


def storm() -> dict[str, Tensor]:
    return {f"score_net.{name}": value for name, value in network().state_dict().items()}


def shorter() -> dict[str, object]:
    return {"shadow_params": [parameter.detach() for parameter in network().parameters()][:-2]}


def reshaped() -> dict[str, object]:
    weights = [parameter.detach() for parameter in network().parameters()]
    return {"shadow_params": [*weights[:-1], torch.zeros(3)]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ema": None}, r"has no averaged weights \(ema.shadow_params\); give weights: last"),
        ({"ema": shorter()}, r"ema.shadow_params has \d+ weights, and the network of its hyper_parameters \d+"),
        ({"ema": reshaped()}, r"has the shape \[3\]"),
        ({"ema": {"shadow_params": [1] * len(list(network().parameters()))}}, "is a int, not a tensor"),
        ({"state_dict": storm()}, "a checkpoint of StoRM, whose two networks are not supported"),
        ({"state_dict": {"model.w": torch.ones(2)}}, "PyTorch Lightning, and has no weights named dnn"),
        ({"hyper_parameters": {"lr": 1}}, "hyper_parameters: key 'backbone' is missing"),
        ({"hyper": hyper_parameters(backbone="dcunet")}, "backbone = 'dcunet'.*'ncsnpp'"),
        ({"hyper": hyper_parameters(sde="bbed")}, "sde = 'bbed'.*'ouve' or 'sbve'"),
        ({"hyper": hyper_parameters(num_res_blocks=2)}, r"ema.shadow_params has \d+ weights"),
        ({"hyper": hyper_parameters(nf=1 << 20)}, "channels = 1048576: must be 4096 or less"),
        ({"hyper": hyper_parameters(nf=4096)}, "nf, ch_mult or num_res_blocks are larger than its weights"),
        ({"hyper": hyper_parameters(progressive="none")}, "progressive_input 'input_skip' with progressive 'none'"),
        ({"hyper": hyper_parameters(n_fft=34)}, "n_fft 34 gives 18 bins, and its network needs a multiple of"),
        ({"hyper": hyper_parameters(**{**SBVE, "backbone": "ncsnpp"})}, "a bridge needs 'ncsnpp_v2'"),
    ],
)
def test_other_files_are_refused_in_one_line(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    if message.startswith("n_fft"):
        levels = {"net": network(multipliers="1,1,1", attention=""), "multipliers": None}
        sizes = {**SIZES, "ch_mult": (1, 1, 1), "attn_resolutions": [], "n_fft": 34}
        changes = {"net": levels["net"], "hyper": hyper_parameters(**sizes)}
    path = saved(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=f"{WHERE}.*{message}") as caught:
        load_system("sgmse", model=path)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
