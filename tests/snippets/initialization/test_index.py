"""Claims of the initialization section's index page: how signal and gradient travel, and what trains."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import snippets.initialization.index.evidence_training as training
from snippets.initialization.index.evidence import ACTIVATIONS, DEPTH, DRAWS, INITIALIZERS

LECUN, DEFAULT, KAIMING, ORTHOGONAL = "LeCun (here = Xavier)", "torch's default", "Kaiming", "orthogonal, gain 1"


@pytest.fixture(scope="module")
def ends(evidence) -> Callable[[str, str], tuple[list[float], list[float]]]:
    """Std of the output of layer 50, and of the gradient at the input, in each draw of the figure."""
    results = evidence()

    def of(initializer: str, activation: str) -> tuple[list[float], list[float]]:
        runs = results[f"{activation}, {initializer}"]
        assert len(runs) == DRAWS
        assert all(len(outputs) == len(gradients) == DEPTH + 1 == 51 for outputs, gradients in runs)
        return [outputs[-1] for outputs, _ in runs], [gradients[0] for _, gradients in runs]

    return of


def test_relu_needs_kaiming(ends):
    """50 ReLU layers: Kaiming keeps signal and gradient within a factor of 10; Xavier leaves under 1e-6 of both."""
    assert all(0.1 < value < 10 for draws in ends(KAIMING, "ReLU") for value in draws)
    assert all(value < 1e-6 for draws in ends(LECUN, "ReLU") for value in draws)


def test_tanh_keeps_signal_with_xavier(ends):
    """Through 50 tanh layers Xavier leaves over 3% of signal and gradient; torch's default leaves under 1e-9."""
    assert all(0.03 < value < 1 for draws in ends(LECUN, "tanh") for value in draws)
    assert all(value < 1e-9 for draws in ends(DEFAULT, "tanh") for value in draws)


def test_selu_settles_with_lecun(ends):
    """50 SELU layers: LeCun's initialization keeps a standard deviation within 20% of 1; Kaiming's lifts it over 5."""
    assert all(0.8 < value < 1.2 for value in ends(LECUN, "SELU")[0])
    assert all(value > 5 for value in ends(KAIMING, "SELU")[0])


def test_gelu_fades_in_plain_layers(ends):
    """Under GELU even Kaiming loses more than 99.9% of the signal in 50 plain layers, in the figure's three draws.

    Of sixty other draws five in six do, and one in twelve keeps over a tenth.
    """
    assert len(ends(KAIMING, "GELU")[0]) == 3
    assert all(value < 1e-3 for value in ends(KAIMING, "GELU")[0])


def test_default_fades_everywhere(ends):
    """torch's default keeps less than a thousandth of the signal after 50 layers under each of the four activations."""
    assert len(ACTIVATIONS) == 4
    for activation in ACTIVATIONS:
        assert all(value < 1e-3 for value in ends(DEFAULT, activation)[0])


def test_leaky_relu_needs_its_slope():
    """At a slope of 0.5, Kaiming with a=0.5 keeps the signal for 50 layers; with a=0 it grows over a hundredfold."""
    results = []
    for a in (0.5, 0.0):
        stds = []
        for seed in range(4):
            torch.manual_seed(seed)
            x = torch.randn(64, 128, dtype=torch.float64)
            for _ in range(50):
                w = nn.init.kaiming_normal_(torch.empty(128, 128, dtype=torch.float64), a=a)
                x = nn.functional.leaky_relu(x @ w.T, 0.5)
            stds.append(x.std())
        results.append(torch.stack(stds).median().item())
    assert 0.1 < results[0] < 10
    assert results[1] > 100


def test_sigmoid_gradient_dies_with_xavier():
    """50 sigmoid layers: Xavier leaves under 1e-20 of the gradient, a std of 3.6/sqrt(n) over 1e10 times more."""
    left = []
    for factor in (1.0, 3.6):
        torch.manual_seed(0)
        x = torch.randn(64, 128, dtype=torch.float64).requires_grad_()
        h = x
        for _ in range(50):
            h = torch.sigmoid(h @ (factor / math.sqrt(128) * torch.randn(128, 128, dtype=torch.float64)).T)
        left.append(torch.autograd.grad(h, x, torch.randn_like(h))[0].std().item())
    assert left[0] < 1e-20
    assert left[1] > 1e10 * left[0]


def test_orthogonal_keeps_every_direction():
    """The product of 50 orthogonal matrices has only singular values of 1; that of Gaussian ones spans over 1e6."""
    torch.manual_seed(0)
    products = []
    for init in (nn.init.orthogonal_, nn.init.xavier_normal_):
        product = torch.eye(128, dtype=torch.float64)
        for _ in range(50):
            product = init(torch.empty(128, 128, dtype=torch.float64)) @ product
        products.append(torch.linalg.svdvals(product))
    assert products[0].tolist() == pytest.approx([1.0] * 128, abs=1e-10)
    assert products[1][0] / products[1][-1] > 1e6


def residual_stack(last_scale: float, blocks: int = 50) -> tuple[Tensor, Tensor]:
    """Input and output of residual blocks x + W2 relu(W1 x), Kaiming, with W2 scaled."""
    torch.manual_seed(0)
    x = torch.randn(64, 128)
    h = x
    for _ in range(blocks):
        w1, w2 = (nn.init.kaiming_normal_(torch.empty(128, 128), nonlinearity="relu") for _ in range(2))
        h = h + torch.relu(h @ w1.T) @ (last_scale * w2).T
    return x, h


def test_residual_blocks_explode():
    """50 residual blocks under Kaiming: the signal grows over 1e6 times; with a zero last factor, not at all."""
    x, h = residual_stack(1.0)
    assert h.std() / x.std() > 1e6
    x, h = residual_stack(0.0)
    assert torch.equal(x, h)


def test_residual_scaling_by_depth():
    """The last factor scaled by 1/sqrt(blocks) bounds the growth: under a factor of 4, for 50 blocks."""
    x, h = residual_stack(1 / math.sqrt(50))
    assert 1 < h.std() / x.std() < 4


def test_rescaling_on_data_works_for_gelu():
    """Dividing each weight by its output's standard deviation on one batch keeps 50 GELU layers at unit scale."""
    torch.manual_seed(0)
    x = torch.randn(256, 128)
    for _ in range(50):
        w = nn.init.orthogonal_(torch.empty(128, 128))
        w /= (x @ w.T).std()
        assert (x @ w.T).std() == pytest.approx(1, rel=1e-3)
        x = nn.functional.gelu(x @ w.T)
    assert 0.3 < x.std() < 1


def test_prior_in_the_bias_lowers_the_first_loss():
    """With 1% positives, a bias of log(0.01/0.99) starts at a loss of 0.056 instead of 0.69."""
    y = torch.zeros(1000)
    y[:10] = 1
    losses = [
        nn.functional.binary_cross_entropy_with_logits(torch.full_like(y, bias), y).item()
        for bias in (math.log(0.01 / 0.99), 0.0)
    ]
    assert losses == pytest.approx([0.056, 0.693], abs=5e-4)


def test_batch_norm_hides_the_scale():
    """Batch normalization gives the same output for a weight and for ten times that weight."""
    torch.manual_seed(0)
    w, x, norm = torch.randn(16, 16, dtype=torch.float64), torch.randn(64, 16, dtype=torch.float64), nn.BatchNorm1d(16)
    norm.double()
    torch.testing.assert_close(norm(x @ w.T), norm(x @ (10 * w).T), rtol=1e-4, atol=1e-4)  # eps under the root


def test_equal_weights_stay_equal():
    """Units that start equal stay equal: after 20 steps of SGD all rows are still the same."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
    for p in model.parameters():
        nn.init.constant_(p, 0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(32, 5)
    for _ in range(20):
        optimizer.zero_grad()
        (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    assert not torch.allclose(model[0].weight, torch.full((8, 5), 0.1), atol=1e-2), "it did learn"
    assert torch.allclose(model[0].weight, model[0].weight[:1].expand(8, 5), atol=1e-6)


def test_square_layers_make_xavier_lecun():
    """fan_in = fan_out makes Xavier's 2/(fan_in + fan_out) LeCun's 1/fan_in: the figures' one line for both."""
    weights = []
    for init in (
        lambda w: nn.init.xavier_normal_(w),
        lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
    ):
        torch.manual_seed(0)
        weights.append(init(torch.empty(128, 128)))
    torch.testing.assert_close(*weights, rtol=1e-6, atol=0)


@pytest.fixture(scope="module")
def trained(evidence) -> dict[str, dict[str, Tensor]]:
    """Losses over the last 20 steps, (seeds,), of each initializer in the two panels of the training figure."""
    final = {
        panel: {name: torch.tensor(losses)[:, -20:].mean(1) for name, losses in runs.items()}
        for panel, runs in evidence("training").items()
    }
    for runs in final.values():
        assert list(runs) == list(training.INITIALIZERS)
        assert all(losses.shape == (training.SEEDS,) for losses in runs.values())
    return final


def test_relu_network_starts_only_with_gain(trained):
    """30 ReLU layers: only Kaiming and orthogonal with gain sqrt(2) leave guessing's log 10, each seed for below 2.

    Of six seeds as three processors round, Kaiming's end at 0.8 to 1.8.
    """
    for name, losses in trained["ReLU"].items():
        if name in ("Kaiming", "orthogonal"):
            assert losses.max() < 2, name
        else:
            assert losses.tolist() == pytest.approx([math.log(10)] * 3, abs=0.02), name


def test_tanh_network_trains_with_xavier(trained):
    """30 tanh layers: Xavier, Kaiming and orthogonal train; the default and a fixed std of 0.01 stay at guessing."""
    for name, losses in trained["tanh"].items():
        if name in (LECUN, "Kaiming", "orthogonal"):
            assert losses.max() < 1, name
        else:
            assert losses.tolist() == pytest.approx([math.log(10)] * 3, abs=0.02), name


def test_stack_equals_single_networks():
    """The figure's stack of networks trains each as if it were alone: same losses for one seed and for three."""
    histories = []
    for seeds in (1, 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "SEEDS", seeds)
            histories.append(training.train(torch.tanh, 1.0, 10)[0][:, 0])
    torch.testing.assert_close(*histories, rtol=1e-4, atol=1e-4)  # ten steps of rounding


def test_initializers_are_those_of_the_figure():
    assert list(INITIALIZERS)[:4] == list(training.INITIALIZERS)[:4]
    assert ORTHOGONAL in INITIALIZERS
