"""LSUV: unit variance on the batch, untouched modes and hooks, and the claims of its page."""

from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from snippets.initialization.lsuv.evidence import ACTIVATIONS, SEEDS, run
from snippets.initialization.lsuv.from_scratch import lsuv_chain, orthogonal
from snippets.initialization.lsuv.use import lsuv


def mlp(activation, depth: int = 20, width: int = 64) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def layer_variances(model: nn.Module, x: torch.Tensor) -> list[float]:
    """Measured independently of the snippet, with hooks of our own."""
    found: list[float] = []
    hooks = [
        m.register_forward_hook(lambda _m, _i, out: found.append(out.var(correction=0).item()))
        for m in model.modules()
        if isinstance(m, nn.Linear | nn.Conv2d)
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh, nn.ELU, nn.Softplus])
def test_unit_variance_for_any_activation(activation):
    """Every layer's output on the batch has variance 1 within the tolerance, whatever the activation."""
    torch.manual_seed(0)
    model, x = mlp(activation), 3 * torch.randn(512, 64) + 1
    reported = lsuv(model, x)
    measured = layer_variances(model, x)
    assert measured == pytest.approx([1.0] * 21, abs=0.1)
    assert list(reported.values()) == pytest.approx(measured, rel=1e-5)


def test_bias_keeps_the_variance():
    """A bias in the classifier leaves the variance of each logit over the samples; a smaller weight lowers it."""
    torch.manual_seed(0)
    model, x = mlp(nn.ReLU), torch.randn(512, 64)
    lsuv(model, x)
    with torch.no_grad():
        before = model(x).var(0)
        model[-1].bias.copy_(10 * torch.randn(10))
        torch.testing.assert_close(model(x).var(0), before)
        model[-1].weight.mul_(0.1)
        torch.testing.assert_close(model(x).var(0), before / 100, rtol=1e-3, atol=0)  # float32 beside biases of 10


def test_convolutions_and_shortcuts():
    """It measures instead of deriving, so convolutions, strides, pooling and shortcuts need no formula."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(8, 5)  # defined first, runs last
            self.stem = nn.Conv2d(3, 8, 3, stride=2)
            self.body = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(6))

        def forward(self, x):
            x = self.stem(x)
            for layer in self.body:
                x = x + layer(torch.relu(x))
            return self.head(x.amax((2, 3)))

    torch.manual_seed(0)
    model, x = Net(), torch.rand(64, 3, 16, 16)
    assert list(lsuv(model, x))[-1] == "head"
    assert layer_variances(model, x) == pytest.approx([1.0] * 8, abs=0.1)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh, nn.ELU, nn.Softplus])
def test_one_division_is_enough(activation):
    """Without a bias the output is linear in the weight: one iteration reaches variance 1 to rounding."""
    torch.manual_seed(0)
    model, x = mlp(activation), torch.randn(256, 64)
    variances = lsuv(model, x, tolerance=1e-9, max_iterations=1)
    assert list(variances.values()) == pytest.approx([1.0] * 21, abs=1e-4)


def test_other_samples():
    """ReLU, three seeds: on other samples the variances of all 21 layers stay between 0.7 and 1.4."""
    for seed in range(3):
        torch.manual_seed(seed)
        model = mlp(nn.ReLU)
        lsuv(model, torch.randn(512, 64))
        variances = layer_variances(model, torch.randn(512, 64))
        assert min(variances) > 0.7
        assert max(variances) < 1.4


@pytest.mark.parametrize("seed", range(5))
def test_kaiming_misses_other_activations(seed):
    """GELU, 20 layers, Kaiming: inputs of deviation 1 instead of 0.5 make the variance over 20 times as large.

    How large the variance itself is depends on the draw; behind ReLU it is four times as large.
    """
    torch.manual_seed(seed)
    model, x = mlp(nn.GELU), torch.randn(512, 64)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)
    assert layer_variances(model, x)[-1] > 20 * layer_variances(model, 0.5 * x)[-1]
    homogeneous = nn.Sequential(*[nn.ReLU() if isinstance(module, nn.GELU) else module for module in model])
    assert layer_variances(homogeneous, x)[-1] == pytest.approx(4 * layer_variances(homogeneous, 0.5 * x)[-1], rel=1e-3)
    lsuv(model, 0.5 * x)
    assert layer_variances(model, 0.5 * x)[-1] == pytest.approx(1, abs=0.1)


@pytest.fixture(scope="module")
def experiment(evidence) -> Callable[[str, str], tuple[torch.Tensor, torch.Tensor]]:
    """Variance of each layer, mean over seeds, and the losses of the seeds after training, as on the page."""

    def of(activation: str, method: str) -> tuple[torch.Tensor, torch.Tensor]:
        found = evidence()[f"{activation}, {method}"]
        assert len(found["variances"]) == len(found["losses"]) == SEEDS
        return torch.tensor(found["variances"]).mean(0), torch.tensor(found["losses"])

    return of


def test_little_to_add_for_relu(experiment):
    """With ReLU the mean losses over ten seeds differ by less than the seeds do, and both have begun to train.

    Ten, because two seeds differ by up to a third with the rounding of another processor.
    """
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)

    def losses(method: str) -> torch.Tensor:
        more = [run(nn.ReLU, method, seed, x, y)[1] for seed in range(SEEDS, 10)]
        return torch.cat([experiment("ReLU", method)[1], torch.tensor(more)])

    kaiming, lsuv_ = losses("Kaiming"), losses("LSUV")
    assert abs(kaiming.mean() - lsuv_.mean()) < max(kaiming.std(), lsuv_.std())
    assert max(kaiming.mean(), lsuv_.mean()) < 2.15  # guessing costs 2.3


def test_lsuv_pays_for_other_activations(experiment, monkeypatch):
    """ELU: LSUV trains, Kaiming diverges. GELU: of six seeds LSUV alone has some that start, and none is far.

    At a quarter of the learning rate, 0.005, Kaiming trains with ELU, but LSUV's loss is lower.

    The variances say why: LSUV's stay near 1, Kaiming's fall under GELU and rise under ELU.
    """
    assert experiment("ELU", "LSUV")[1].max() < 1.6  # guessing costs 2.3
    assert not experiment("ELU", "Kaiming")[1].isfinite().any()
    assert min(experiment("GELU", method)[1].min() for method in ("Kaiming", "Xavier")) > 2.28

    digits, sgd = load_digits(), torch.optim.SGD
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    more = [run(nn.GELU, "LSUV", seed, x, y)[1] for seed in range(SEEDS, 6)]
    assert 1.4 < min(*experiment("GELU", "LSUV")[1].tolist(), *more) < 2.2
    monkeypatch.setattr(torch.optim, "SGD", lambda parameters, lr, momentum: sgd(parameters, lr / 4, momentum))
    for seed in range(SEEDS):
        kaiming, lsuv_ = (run(nn.ELU, method, seed, x, y)[1] for method in ("Kaiming", "LSUV"))
        assert lsuv_ < kaiming < 2

    for activation in ACTIVATIONS:
        lsuv_, kaiming, xavier = (experiment(activation, method)[0] for method in ("LSUV", "Kaiming", "Xavier"))
        assert lsuv_.tolist() == pytest.approx([1.0] * 20, abs=0.4)
        assert xavier[-1] < xavier[0] / 10
        if activation == "ReLU":
            assert kaiming.min() > 0.05
            assert kaiming.max() < 5
        else:
            assert (kaiming[-1] < 1e-4) if activation == "GELU" else (kaiming[-1] > 2)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_not_controlled(seed):
    """Forward variance 1 is no promise for the gradient: through 20 softplus layers it falls over a thousandfold."""
    torch.manual_seed(seed)
    model, x = mlp(nn.Softplus), torch.randn(256, 64)
    lsuv(model, x)
    model(x).square().sum().backward()
    assert model[0].weight.grad.norm() < 1e-3 * model[-1].weight.grad.norm()


def test_wrong_scale_of_inputs():
    """Calibrated on raw pixels 0 to 255 and fed with pixels in 0 to 1: the first variance is 65,025 times too small."""
    torch.manual_seed(0)
    model, pixels = mlp(nn.ReLU, depth=3), torch.rand(256, 64)
    lsuv(model, 255 * pixels, tolerance=1e-3)
    assert layer_variances(model, pixels)[0] == pytest.approx(1 / 255**2, rel=1e-2)


def test_zero_layers_are_refused():
    """A layer whose output is constant cannot be scaled to variance 1: an error, not a division by zero."""

    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return self.second(0 * self.first(x))

    torch.manual_seed(0)
    with pytest.raises(ValueError, match="'second' has variance 0"):
        lsuv(Dead(), torch.randn(16, 8))


def test_mode_and_hooks_are_restored():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 8))
    model.train()
    lsuv(model, torch.randn(64, 8))
    assert model.training
    assert model[1].training
    assert not model[0]._forward_hooks
    assert model[0].weight.requires_grad
    model[1].eval()  # frozen in a model that trains: it stays so
    lsuv(model, torch.randn(64, 8))
    assert [module.training for module in model.modules()] == [True, True, False, True]


def test_orthogonal_equals_torch():
    for shape in ((8, 8), (12, 5), (5, 12)):
        ours = orthogonal(*shape, torch.Generator().manual_seed(4))
        theirs = nn.init.orthogonal_(torch.empty(shape), generator=torch.Generator().manual_seed(4))
        torch.testing.assert_close(ours, theirs)


def test_from_scratch_has_unit_variance():
    x = 5 * torch.randn(256, 32, generator=torch.Generator().manual_seed(0))
    for w in lsuv_chain(x, [32, 48, 48, 10], torch.Generator().manual_seed(1)):
        assert (x @ w.T).var(correction=0).item() == pytest.approx(1, abs=1e-4)
        x = torch.tanh(x @ w.T)
