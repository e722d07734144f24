"""ReZero: identity at the start, equality with autograd, and the claims of its page."""

import copy

import pytest
import torch
from torch import Tensor, nn

from snippets.initialization.rezero.evidence import DEPTH, NAMES, SEEDS, STEPS, train
from snippets.initialization.rezero.from_scratch import backward, forward
from snippets.initialization.rezero.use import ReZero, rezero_mlp


@pytest.mark.parametrize("depth", [1, 50])
def test_identity_at_the_start(depth):
    """At the start the output equals the input bit for bit and all singular values of the Jacobian are 1."""
    torch.manual_seed(0)
    model, x = rezero_mlp(16, depth), torch.randn(4, 16)
    assert torch.equal(model(x), x)
    jacobian = torch.autograd.functional.jacobian(model, x[:1])[0, :, 0]
    assert torch.equal(jacobian, torch.eye(16))


def test_alpha_learns_first():
    """In step 1 alpha alone of a layer's parameters has a gradient; the branch's weight and bias from step 2 on."""
    torch.manual_seed(0)
    model, x, y = rezero_mlp(16, 3), torch.randn(8, 16), torch.randn(8, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []
    for _ in range(2):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        seen.append({name for name, p in model.named_parameters() if p.grad.abs().max() > 0})
        optimizer.step()
    assert seen == [{f"{i}.alpha" for i in range(3)}, {name for name, _ in model.named_parameters()}]


def test_two_zeros_never_learn():
    """With alpha and the branch's last layer both zero, no parameter of the layer ever gets a gradient."""
    torch.manual_seed(0)
    model, x, y = rezero_mlp(16, 3), torch.randn(8, 16), torch.randn(8, 16)
    for layer in model:
        layer.branch = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
        nn.init.zeros_(layer.branch[2].weight)
        nn.init.zeros_(layer.branch[2].bias)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_relu_after_the_sum_breaks_the_identity():
    """A ReLU after the addition, as in the original ResNet, sets half of a normal input to zero."""
    torch.manual_seed(0)
    x = torch.randn(1000, 16)
    layer = rezero_mlp(16, 1)
    assert (torch.relu(layer(x)) == 0).float().mean() == pytest.approx(0.5, abs=0.02)
    assert (layer(x) == x).all()


def test_dimension_rule_spares_alpha():
    """The rule "decay only what has two or more dimensions" leaves alpha out, and decay without it shrinks alpha."""
    model = rezero_mlp(16, 3)
    spared = {name for name, p in model.named_parameters() if p.ndim < 2}
    assert {f"{i}.alpha" for i in range(3)} <= spared
    alpha = nn.Parameter(torch.ones(()))
    optimizer = torch.optim.AdamW([alpha], lr=0.1, weight_decay=0.1)
    for _ in range(10):
        alpha.grad = torch.zeros(())
        optimizer.step()
    assert alpha.item() == pytest.approx(0.99**10, rel=1e-6)


@pytest.fixture(scope="module")
def losses(evidence) -> dict[str, Tensor]:
    """The figure's losses of each network, (seeds, steps)."""
    found = {name: torch.tensor(evidence()[name]["losses"]) for name in NAMES}
    assert all(runs.shape == (SEEDS, STEPS) for runs in found.values())
    return found


def test_trains_where_plain_residual_explodes(losses):
    """32 layers, each seed: ReZero and pre-LayerNorm fall below 1.5; the plain residual network exceeds 100."""
    assert DEPTH == 32
    assert (losses["ReZero"][:, -10:].mean(1) < 1.5).all()
    assert (losses["residual, pre-LayerNorm"][:, -10:].mean(1) < 1.5).all()
    assert (losses["residual"].amax(1) > 100).all()


def test_layer_norm_is_faster_by_step(losses, monkeypatch):
    """Three seeds: from step 10 on pre-LayerNorm is below ReZero but for single steps, at the end under 2/3 of it.

    At ten times the learning rate, 1e-2, ReZero's mean of the last ten steps is the lower one, for each seed.
    """
    rezero, normalized = losses["ReZero"], losses["residual, pre-LayerNorm"]
    assert (normalized < rezero)[:, 9:].double().mean() > 0.95
    assert (normalized.median(0).values < rezero.median(0).values)[9:].all()
    assert (normalized[:, -10:].mean(1) < rezero[:, -10:].mean(1) / 1.5).all()
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda parameters, lr: adam(parameters, lr=10 * lr))
    fast_rezero, fast_normalized = (train(name)[0][:, -10:].mean(1) for name in NAMES[:2])
    assert (fast_rezero < fast_normalized / 1.2).all()
    assert (fast_rezero < normalized[:, -10:].mean(1)).all()  # also lower than layer normalization at 1e-3


def test_figure(losses, evidence):
    """As the figure's text says: two fall below 1, one slowly, one leaves at the top; small alphas of both signs."""
    for name in NAMES[:2]:
        assert (losses[name][:, -10:].mean(1) < 1).all()
    plain = losses["no skip connection"][:, -10:].mean(1)
    assert plain.median() < 2  # from log(10) = 2.3 at the start
    assert (plain > 1.5 * losses["ReZero"][:, -10:].mean(1)).all()
    assert (losses["residual"].amax(1) > 1e5).all()
    alphas = torch.tensor(evidence()["ReZero"]["alphas"])  # (seeds, layers)
    assert alphas.shape == (SEEDS, DEPTH)
    assert alphas.abs().max() < 0.1
    assert ((alphas > 0).sum(1) > 5).all()
    assert ((alphas < 0).sum(1) > 5).all()


def test_from_scratch_equals_autograd():
    torch.manual_seed(0)
    kinds = {"dtype": torch.float64, "requires_grad": True}
    x = torch.randn(5, 6, **kinds)
    weights = [torch.randn(6, 6, **kinds) for _ in range(4)]
    alphas = [torch.randn((), **kinds) for _ in range(4)]
    model = nn.Sequential(*[ReZero(nn.Sequential(nn.Linear(6, 6, bias=False), nn.ReLU())) for _ in range(4)]).double()
    with torch.no_grad():
        for layer, weight, alpha in zip(model, weights, alphas, strict=True):
            layer.branch[0].weight.copy_(weight)
            layer.alpha.copy_(alpha)
    gradient = torch.randn(5, 6, dtype=torch.float64)
    signals = forward(x, weights, alphas)
    torch.testing.assert_close(signals[-1], model(x), rtol=1e-12, atol=1e-12)
    model(x).backward(gradient)
    with torch.no_grad():
        of_x, of_weights, of_alphas = backward(signals, weights, alphas, gradient)
    torch.testing.assert_close(of_x, x.grad, rtol=1e-10, atol=1e-10)
    for layer, of_weight, of_alpha in zip(model, of_weights, of_alphas, strict=True):
        torch.testing.assert_close(of_weight, layer.branch[0].weight.grad, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(of_alpha, layer.alpha.grad, rtol=1e-10, atol=1e-10)


def test_module_contract():
    """gradcheck, meta device, torch.compile without a graph break, and a state_dict round trip."""
    torch.manual_seed(0)
    layer = ReZero(nn.Sequential(nn.Linear(4, 4), nn.Tanh())).double()
    nn.init.constant_(layer.alpha, 0.3)
    assert torch.autograd.gradcheck(layer, torch.randn(3, 4, dtype=torch.float64, requires_grad=True))
    with torch.device("meta"):
        assert rezero_mlp(8, 2)(torch.empty(5, 8)).shape == (5, 8)
    x = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(torch.compile(layer, backend="eager", fullgraph=True)(x), layer(x))
    other = ReZero(nn.Sequential(nn.Linear(4, 4), nn.Tanh())).double()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), layer(x))
