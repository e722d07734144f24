"""Hessian norms at initialization: against torch's full Hessian, the derivations of the page, and its claims."""

import math
from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.initialization.hessian_chain_init.evidence import DEPTH, GAINS, RATES, SEEDS, train
from snippets.initialization.hessian_chain_init.evidence import network as experiment_network
from snippets.initialization.hessian_chain_init.evidence import norms as experiment_norms
from snippets.initialization.hessian_chain_init.from_scratch import autograd_norm, block_norms
from snippets.initialization.hessian_chain_init.use import hessian_norms, hessian_variance

torch64 = {"dtype": torch.float64}
hessian_of = torch.autograd.functional.hessian


def network(sizes: list[int], activation, gain: float = 1.0, factor: float = 2.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        linear = nn.Linear(a, b, bias=False, **torch64)
        nn.init.normal_(linear.weight, std=gain * (factor / a) ** 0.5)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def squared(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 0.5 * (output - y).square().sum(1).mean()


def blocks(model: nn.Sequential, layer: int, loss, x, y) -> tuple[torch.Tensor, torch.Tensor]:
    """Hessian block of one weight, and its first term J^T H J, both (parameters, parameters), from torch.func."""
    name = f"{layer}.weight"
    others = {k: v.detach() for k, v in model.named_parameters()}
    weight = others[name]

    def output(w):
        return torch.func.functional_call(model, {**others, name: w}, (x,))

    hessian = hessian_of(lambda w: loss(output(w), y), weight).reshape(weight.numel(), -1)
    jacobian = torch.func.jacrev(output)(weight).reshape(-1, weight.numel())
    z = output(weight)
    inner = hessian_of(lambda z: loss(z, y), z).reshape(z.numel(), -1)
    return hessian, jacobian.T @ inner @ jacobian


@pytest.fixture
def data():
    torch.manual_seed(0)
    return torch.randn(8, 5, **torch64), torch.randint(3, (8,))


@pytest.mark.parametrize("sizes", [[5, 6, 6, 3], [10, 10, 4], [6, 6, 6, 6, 6, 3]])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_power_iteration_equals_the_full_hessian(activation, sizes):
    """Power iteration agrees with the norm of torch's full block: to 10% at 30 iterations, to 3% at 100."""
    for seed in range(8):
        torch.manual_seed(seed)
        x, y = torch.randn(8, sizes[0], **torch64), torch.randint(sizes[-1], (8,))
        model = network(sizes, activation)
        default = hessian_norms(model, F.cross_entropy, x, y)
        exact = hessian_norms(model, F.cross_entropy, x, y, iterations=100)
        for layer in range(0, len(model), 2):
            full = torch.linalg.matrix_norm(blocks(model, layer, F.cross_entropy, x, y)[0], 2).item()
            assert default[f"{layer}.weight"] == pytest.approx(full, rel=0.1)
            assert exact[f"{layer}.weight"] == pytest.approx(full, rel=0.03)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("kind", ["linear", "convolutional"])
def test_product_costs_up_to_two_backward_passes(kind, activation):
    """Multiplications of a product with one block, over those of a backward pass: under two, and over one in some."""
    if kind == "linear":
        model, x = network([16] * 9 + [10], activation).float(), torch.randn(32, 16)
    else:
        convolutions = [nn.Conv2d(3, 8, 3, padding=1), activation(), nn.Conv2d(8, 8, 3, padding=1), activation()]
        model, x = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(8 * 36, 10)), torch.randn(32, 3, 6, 6)
    loss, shares = F.cross_entropy(model(x), torch.randint(10, (32,))), []
    with FlopCounterMode(display=False) as backward:
        torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    for weight in (p for p in model.parameters() if p.dim() > 1):
        (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
        with FlopCounterMode(display=False) as product:
            torch.autograd.grad(gradient, weight, grad_outputs=torch.randn_like(weight), retain_graph=True)
        shares.append(product.get_total_flops() / backward.get_total_flops())
    assert 1 < max(shares) < 2


def test_second_term_is_zero_for_relu(data):
    """ReLU: the block of one weight is exactly J^T H J; the term with second derivatives of the network is zero."""
    x, y = data
    model = network([5, 6, 6, 3], nn.ReLU)
    for layer in (0, 2, 4):
        hessian, first = blocks(model, layer, F.cross_entropy, x, y)
        torch.testing.assert_close(hessian, first)


def test_second_term_stays_for_tanh():
    """tanh, first layer: the second term exceeds the first in most draws; at a tenth of the scale fourfold in all."""

    def share(gain: float, seed: int) -> float:
        torch.manual_seed(seed)
        x, y = torch.randn(8, 5, **torch64), torch.randint(3, (8,))
        hessian, first = blocks(network([5, 6, 6, 3], nn.Tanh, gain, factor=1.0), 0, F.cross_entropy, x, y)
        return (torch.linalg.matrix_norm(hessian - first, 2) / torch.linalg.matrix_norm(first, 2)).item()

    assert sum(share(1.0, seed) > 1 for seed in range(24)) > 12
    assert all(share(0.1, seed) > 4 for seed in range(24))


def test_kronecker_norm():
    """One sample: the block is the Kronecker product, its norm |x|^2 |B^T H B|, in each of four layers."""
    torch.manual_seed(0)
    sizes = [5, 7, 6, 8, 4]
    weights = [torch.randn(b, a, **torch64) * (2 / a) ** 0.5 for a, b in pairwise(sizes)]
    x = torch.randn(5, **torch64)
    expected = [autograd_norm(x, weights, layer, target=2) for layer in range(4)]
    assert block_norms(x, weights) == pytest.approx(expected, rel=1e-9)
    model = network(sizes, nn.ReLU)
    for layer in range(0, len(model), 2):
        hessian, _ = blocks(model, layer, F.cross_entropy, x[None], torch.tensor([2]))
        with torch.no_grad():
            into = model[:layer](x)
            z = model[layer](into)
            p = model[layer + 1 :](z).softmax(0)
        b = torch.autograd.functional.jacobian(model[layer + 1 :], z)
        block = torch.kron(b.T @ (p.diag() - torch.outer(p, p)) @ b, torch.outer(into, into))
        torch.testing.assert_close(hessian, block)


@pytest.mark.parametrize("depth", [2, 5])
def test_scale_enters_with_twice_the_depth(depth):
    """d layers, squared error: all weights times s multiply every block's norm by s^(2(d-1)), exactly."""
    torch.manual_seed(0)
    x, y = torch.randn(8, 6, **torch64), torch.randn(8, 6, **torch64)
    model = network([6] * (depth + 1), nn.ReLU)
    before = hessian_norms(model, squared, x, y)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5)
    after = hessian_norms(model, squared, x, y)
    for name in before:
        assert after[name] / before[name] == pytest.approx(1.5 ** (2 * (depth - 1)), rel=1e-6)


def test_kaiming_keeps_the_trace():
    """One sample: |x|^2 |B|_F^2, a block's trace, is on average as large in 12 layers as in 2 (30 %), first to last.

    At 0.7 times Kaiming the first block's is under a hundredth.
    """
    torch.manual_seed(0)

    def mean_trace(depth: int, gain: float, layer: int = 0) -> float:
        weights = gain * (2 / 48) ** 0.5 * torch.randn(depth, 300, 48, 48, **torch64)  # 300 networks at once
        x = torch.randn(300, 1, 48, **torch64)
        for weight in weights[:layer]:
            x = torch.relu(x @ weight)
        first, *others = weights[layer:]
        out = z = (x @ first).requires_grad_()
        for weight in others:
            out = torch.relu(out) @ weight
        probe = torch.randn_like(out)  # E|B^T u|^2 = |B|_F^2 for normal u
        gradient = torch.autograd.grad(out, z, probe)[0]
        return (x.square().sum(2) * gradient.square().sum(2)).mean().item()

    shallow = mean_trace(2, 1.0)
    for layer in (0, 5, 11):
        assert mean_trace(12, 1.0, layer) / shallow == pytest.approx(1, abs=0.3)
    assert mean_trace(12, 0.7) < mean_trace(2, 0.7) / 100


def test_norm_grows_with_depth():
    """A batch of 32, squared error, Kaiming: the largest block norm is over four times larger in 12 layers than in 2.

    For one sample it grows by less; the outputs of different samples become more alike.
    """
    torch.manual_seed(0)
    x, y = torch.randn(32, 48, **torch64), torch.randn(32, 48, **torch64)

    def largest(depth: int) -> torch.Tensor:
        """Norm over the batch, mean norm for one of four samples, mean cosine of two outputs; of three networks."""
        runs = []
        for _ in range(3):
            model = network([48] * (depth + 1), nn.ReLU)
            batch = max(hessian_norms(model, squared, x, y).values())
            each = [max(hessian_norms(model, squared, x[i : i + 1], y[i : i + 1], 10).values()) for i in range(4)]
            with torch.no_grad():
                alike = F.cosine_similarity(model(x)[:1], model(x)[1:]).mean().item()
            runs.append([batch, sum(each) / 4, alike])
        return torch.tensor(runs).mean(0)

    (deep_batch, deep_one, deep_alike), (batch, one, alike) = largest(12), largest(2)
    assert deep_batch > 4 * batch
    assert 1.2 < deep_one / one < deep_batch / batch
    assert alike < 0.5 < 0.8 < deep_alike


@pytest.fixture(scope="module")
def norms(evidence) -> dict[float, torch.Tensor]:
    """The left panel: for each scale the norms (seeds, layers)."""
    found = {gain: torch.tensor(evidence()[f"{gain}"]["norms"]) for gain in GAINS}
    assert all(drawn.shape == (SEEDS, DEPTH + 1) for drawn in found.values())
    return found


@pytest.fixture(scope="module")
def losses(evidence) -> dict[float, dict[float, list[float]]]:
    """The right panel: for each rate and scale the loss of each seed after 60 steps, 10 where it diverged."""
    return {lr: {gain: evidence()[f"{gain}"]["losses"][f"{lr}"] for gain in GAINS} for lr in RATES}


def test_norm_tells_scales_apart(norms):
    """From half of Kaiming's scale to Kaiming's every step, the smallest by a fifth, raises each layer's norm.

    Either draw of the larger scale has a larger norm than either draw of the smaller one.
    Over all scales the mean norms span seven decades; at one scale the layers differ less than tenfold.
    """
    assert GAINS[:4] == [0.5, 0.71, 0.84, 1.0]
    for smaller, larger in pairwise(GAINS[:4]):
        assert (norms[larger].min(0).values > 3 * norms[smaller].max(0).values).all()
    means = torch.stack([norms[gain].mean(0) for gain in GAINS])
    assert math.log10(means.max() / means.min()) == pytest.approx(7, abs=0.3)
    assert (means.max(1).values < 10 * means.min(1).values).all()


def test_extreme_norms_do_not_train(norms, losses):
    """Norms under 0.001: the loss stays at ln 10 at both rates. Largest scale: at rate 0.1 every draw diverges."""
    tiny = [gain for gain in GAINS if norms[gain].max() < 1e-3]
    assert tiny == [0.5]
    for lr in RATES:
        assert losses[lr][0.5] == pytest.approx([math.log(10)] * 2, abs=0.01)
    assert losses[0.1][1.41] == [10.0, 10.0]


def test_certain_softmax_hides_the_scale():
    """3 times Kaiming: most of eight draws have a norm under 1, and none trains: each diverges or guesses.

    They are certain of their guesses, so the curvature of their cross-entropy in the logits is nearly zero.
    """
    digits = load_digits()
    x, y = (torch.tensor(digits.data, dtype=torch.float32) - 4.9) / 6.0, torch.tensor(digits.target)
    small = 0
    for seed in range(8):
        model = experiment_network(3.0, seed)
        assert all(train(experiment_network(3.0, seed), lr, x, y) > math.log(10) - 1e-3 for lr in RATES)
        p = model(x[:128]).softmax(1)
        assert (1 - p.square().sum(1)).mean() < 0.01  # trace of diag(p) - p p^T, 0.9 for a guess
        small += max(experiment_norms(model, x[:128], y[:128])) < 1
    assert small > 4


def test_best_scale_depends_on_the_rate(losses):
    """At learning rate 0.1 Kaiming's scale has the smallest loss, at 0.01 a larger one, for either seed, too."""
    best = {lr: min(GAINS, key=lambda gain: sum(losses[lr][gain])) for lr in RATES}
    assert best == {0.1: 1.0, 0.01: 1.19}
    assert all(above < at for above, at in zip(losses[0.01][1.19], losses[0.01][1.0], strict=True))


def products(activation, variance: float, size: float, keep: float = 1.0) -> tuple[float, float]:
    """By how much five layers of width 200 multiply |x|^2 and |B|_F^2; mean of 20 networks, 50 inputs of this size."""
    torch.manual_seed(0)
    forward, backward = [], []
    for _ in range(20):
        out = x = (size * torch.randn(50, 200)).requires_grad_()
        for _ in range(5):
            out = activation(F.dropout(out, 1 - keep) @ (variance**0.5 * torch.randn(200, 200)))
        probe = torch.randn_like(out)  # E|B^T u|^2 = |B|_F^2 for normal u
        gradient = torch.autograd.grad(out, x, probe)[0]
        forward.append((out.square().sum() / x.square().sum()).item())
        backward.append((gradient.square().sum() / probe.square().sum()).item())
    return sum(forward) / 20, sum(backward) / 20


@pytest.mark.parametrize("keep", [0.6, 0.9])
def test_dropout_variance(keep):
    """ReLU and inverted dropout: variance 2 keep / n keeps both products; without the factor both grow by 1/keep."""
    assert products(torch.relu, hessian_variance(200, keep=keep), 1.0, keep) == pytest.approx((1, 1), abs=0.15)
    grown = keep**-5
    assert products(torch.relu, hessian_variance(200), 1.0, keep) == pytest.approx((grown, grown), rel=0.15)


@pytest.mark.parametrize(
    ("activation", "name", "size"),
    [(torch.relu, "relu", 1.0), *((f, "smooth", 0.01) for f in (torch.tanh, torch.sin, torch.expm1))],
)
def test_variance_recovers_kaiming_and_lecun(activation, name, size):
    """2/n, Kaiming's, keeps |x|^2 and |B|_F^2 through five ReLU layers; 1/n through five smooth ones on small inputs.

    At half of the variance both are halved by each layer. 1/n is LeCun's, and Xavier's for equal widths.
    """
    variance = hessian_variance(200, name)
    assert products(activation, variance, size) == pytest.approx((1, 1), abs=0.15)  # a network's spread is about 0.3
    assert products(activation, variance / 2, size) == pytest.approx((1 / 32, 1 / 32), rel=0.15)
    theirs = nn.init.kaiming_normal_ if name == "relu" else nn.init.xavier_normal_
    assert variance == pytest.approx(theirs(torch.empty(200, 200)).var().item(), rel=0.03)


def test_blocks_understate_the_whole():
    """Whole Hessian over its largest block, by norm, six ReLU layers: two to three in the median, over four in some."""

    def ratio(seed: int) -> float:
        torch.manual_seed(seed)
        x, y = torch.randn(16, 6, **torch64), torch.randn(16, 6, **torch64)
        model = network([6] * 7, nn.ReLU)
        parameters = {k: v.detach() for k, v in model.named_parameters()}
        shapes = [v.shape for v in parameters.values()]

        def loss(flat):
            pieces = flat.split([s.numel() for s in shapes])
            named = {k: p.view(s) for k, p, s in zip(parameters, pieces, shapes, strict=True)}
            return squared(torch.func.functional_call(model, named, (x,)), y)

        whole = hessian_of(loss, torch.cat([v.flatten() for v in parameters.values()]), vectorize=True)
        largest = max(torch.linalg.matrix_norm(whole[i : i + 36, i : i + 36], 2) for i in range(0, 216, 36))
        return (torch.linalg.matrix_norm(whole, 2) / largest).item()

    ratios = torch.tensor([ratio(seed) for seed in range(40)])
    assert ratios.min() > 1
    assert 2 < ratios.median() < 3
    assert ratios.max() > 4


def test_small_curvature_is_no_aim(norms, losses):
    """At half of Kaiming's scale in ten layers the norms fall below 1e-3, the gradient of every layer below 1e-2.

    In the experiment the scale with the lowest loss has, at either rate, a largest norm above 1 in each draw.
    """
    for lr in RATES:
        best = min(GAINS, key=lambda gain: sum(losses[lr][gain]))
        assert (norms[best].max(1).values > 1).all()
    torch.manual_seed(0)
    x, y = torch.randn(32, 32, **torch64), torch.randint(10, (32,))
    model = network([32] * 10 + [10], nn.ReLU, gain=0.5)
    assert max(hessian_norms(model, F.cross_entropy, x, y).values()) < 1e-3
    F.cross_entropy(model(x), y).backward()
    assert max(weight.grad.norm().item() for weight in list(model.parameters())) < 1e-2


def test_dropout_makes_it_random():
    """In training mode dropout changes the norm from call to call; in evaluation mode it does not."""
    torch.manual_seed(0)
    x, y = torch.randn(16, 8), torch.randint(4, (16,))
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4))
    first, second = (hessian_norms(model, F.cross_entropy, x, y)["0.weight"] for _ in range(2))
    assert abs(first / second - 1) > 0.01
    model.eval()
    first, second = (hessian_norms(model, F.cross_entropy, x, y)["0.weight"] for _ in range(2))
    assert first == pytest.approx(second, rel=1e-6)


def test_batchnorm_needs_training_mode():
    """BatchNorm at the start: evaluation mode gives the norms of the network without it, far from training mode's.

    In training mode measuring changes the running statistics; in evaluation mode it does not.
    """
    torch.manual_seed(0)
    x, y = 5 * torch.randn(64, 8), torch.randint(4, (64,))
    first, last = nn.Linear(8, 16), nn.Linear(16, 4)
    normalization = nn.BatchNorm1d(16)
    model = nn.Sequential(first, normalization, nn.ReLU(), last).eval()
    evaluated = list(hessian_norms(model, F.cross_entropy, x, y).values())
    assert torch.equal(normalization.running_mean, torch.zeros(16))
    without = list(hessian_norms(nn.Sequential(first, nn.ReLU(), last), F.cross_entropy, x, y).values())
    assert evaluated == pytest.approx(without, rel=1e-3)
    trained = list(hessian_norms(model.train(), F.cross_entropy, x, y).values())
    assert all(abs(a / b - 1) > 0.3 for a, b in zip(trained, without, strict=True))
    assert normalization.running_mean.abs().max() > 0.01


def test_bad_arguments():
    with pytest.raises(ValueError, match="activation"):
        hessian_variance(3, "gelu")
    with pytest.raises(ValueError, match="keep"):
        hessian_variance(3, keep=0)
