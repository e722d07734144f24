"""Fixup: closed form of the scale, the identity at the start, the module contract, and the claims of its page."""

import math
from statistics import median

import pytest
import torch
from torch import nn

from snippets.initialization.fixup.evidence import RATES, SEEDS
from snippets.initialization.fixup.from_scratch import backward, fixup_weights, forward
from snippets.initialization.fixup.use import FixupBlock, fixup_init, fixup_scale


def network(blocks: int, channels: int = 8) -> tuple[nn.Sequential, nn.Linear]:
    head = nn.Linear(channels, 10)
    body = [FixupBlock(channels, channels) for _ in range(blocks)]
    stem = nn.Conv2d(3, channels, 3, padding=1)
    return nn.Sequential(stem, nn.ReLU(), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head), head


def he(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


def test_scale_exponents():
    """Two layers a branch: L^(-1/2); three layers: L^(-1/4)."""
    assert fixup_scale(100, 2) == pytest.approx(0.1)
    assert fixup_scale(16, 3) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="blocks"):
        fixup_scale(0)
    with pytest.raises(ValueError, match="layers"):
        fixup_scale(4, 1)


def test_weights_have_the_stated_spread():
    torch.manual_seed(0)
    model, head = network(25, channels=32)
    fixup_init(model, head)
    std = torch.stack([block.conv1.weight.std() for block in model if isinstance(block, FixupBlock)]).mean()
    assert std.item() == pytest.approx(math.sqrt(2 / (32 * 9)) / 5, rel=0.01)  # 25 x 9,216 draws


def test_identity_at_init():
    """A block without a weighted shortcut passes a non-negative input on unchanged, so 50 do; the others do not."""
    torch.manual_seed(0)
    model, head = network(50)
    fixup_init(model, head)
    x = torch.randn(4, 3, 8, 8)
    assert torch.equal(model[:-3](x), model[:2](x))
    narrow = FixupBlock(8, 8)
    assert not torch.equal(narrow(x[:, :1].expand(-1, 8, -1, -1)), x[:, :1].expand(-1, 8, -1, -1))  # negative values
    wider = FixupBlock(8, 12)
    fixup_init(nn.Sequential(wider), head)
    assert wider(model[:2](x)).shape[1] == 12
    assert not torch.equal(wider(model[:2](x))[:, :8], model[:2](x))


def test_loss_is_log_classes():
    """With a zero classifier the first loss is the logarithm of the number of classes."""
    for classes in (2, 10, 1000):
        torch.manual_seed(0)
        model, _ = network(5)
        model[-1] = head = nn.Linear(8, classes)
        fixup_init(model, head)
        loss = nn.functional.cross_entropy(model(torch.randn(4, 3, 8, 8)), torch.arange(4) % 2)
        assert loss.item() == pytest.approx(math.log(classes), abs=1e-6)


def test_he_signal_explodes():
    """Without normalization, He's weights multiply the signal through 50 blocks by more than ten thousand."""
    for seed in range(3):
        torch.manual_seed(seed)
        model = he(network(50)[0])
        x = torch.randn(4, 3, 8, 8)
        with torch.no_grad():
            ratio = (model[:-3](x).square().mean() / model[:2](x).square().mean()).sqrt()
        assert ratio > 1e4


def output_change(scale_power: float, blocks: int, seed: int) -> float:
    """Root mean square of the change of the body's output in one SGD step, relative to the output.

    ``scale_power`` is the exponent of the number of blocks in the first layer's scale; the second layer is zero.
    The loss reads the body out through a fixed random head, so every branch learns from the start.
    """
    torch.manual_seed(seed)
    model, head = network(blocks)
    fixup_init(model, head)
    with torch.no_grad():
        head.weight.normal_(0, 0.35)
        for block in model:
            if isinstance(block, FixupBlock):
                block.conv1.weight.mul_(blocks ** (scale_power + 0.5))
    x, y = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
    weights = [p for block in model if isinstance(block, FixupBlock) for p in (block.conv1.weight, block.conv2.weight)]
    optimizer = torch.optim.SGD(weights, lr=0.02)
    with torch.no_grad():
        before = model[:-1](x)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    with torch.no_grad():
        return ((model[:-1](x) - before).square().mean() / before.square().mean()).sqrt().item()


def mean_change(scale_power: float, blocks: int) -> float:
    """Mean of eight draws: a single one spreads by half."""
    return sum(output_change(scale_power, blocks, seed) for seed in range(8)) / 8


def test_update_does_not_depend_on_depth():
    """Random head, mean of eight draws: one SGD step moves the output of 64 blocks 0.5 to 2 times as far as of 4."""
    shallow = mean_change(-0.5, 4)
    for blocks in (8, 16, 32, 64):
        assert 0.5 < mean_change(-0.5, blocks) / shallow < 2


def test_unscaled_update_grows_with_depth():
    """Zeroing the last layer without the factor L^(-1/2): the same step moves 64 blocks over five times as far."""
    assert mean_change(0.0, 64) > 5 * mean_change(0.0, 4)


def test_wrong_sign_of_exponent():
    """The exponent without its minus sign makes the step at 64 blocks over a thousand times as large.

    In the median of eight draws: single ones lie between a hundred and a billion.
    """
    assert median(output_change(0.5, 64, seed) / output_change(-0.5, 64, seed) for seed in range(8)) > 1000


def test_he_does_no_better_than_guessing(evidence):
    """He's weights without normalization: at every rate and seed the loss stays at ln 10 or diverges."""
    runs = evidence()["He, no normalization"]  # for each rate the loss of each seed after 40 steps, 10 if it diverged
    assert [len(losses) for losses in runs] == [SEEDS] * len(RATES)
    for losses in runs:
        for loss in losses:
            assert loss == pytest.approx(math.log(10), abs=0.02) or loss > 5


def test_fixup_wants_a_larger_rate(evidence):
    """Fixup trains at 0.1, and has hardly begun at 0.01 and 0.03, where batch normalization is good already."""
    fixup, normalized = ([sum(run) / SEEDS for run in evidence()[method]] for method in ("Fixup", "BatchNorm"))
    assert RATES == [0.01, 0.03, 0.1]
    assert fixup == sorted(fixup, reverse=True)
    for slow, fast in zip(fixup[:2], normalized[:2], strict=True):
        assert 2 < slow < math.log(10)
        assert fast < 0.9
    assert fixup[2] < 1
    assert normalized[2] < 1  # the larger rate is none that only Fixup can take


def test_only_classifier_moves_first():
    """Which of all parameters have a gradient in steps one, two and three, 1x1 shortcuts among them."""
    torch.manual_seed(0)
    head = nn.Linear(12, 10)
    body = [FixupBlock(8, 8), FixupBlock(8, 12, 2), FixupBlock(12, 12), FixupBlock(12, 12, 2)]
    stem = nn.Conv2d(3, 8, 3, padding=1)
    model = nn.Sequential(stem, nn.ReLU(), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    fixup_init(model, head)
    named = dict(model.named_parameters())
    classifier = {"8.weight", "8.bias"}
    last = {f"{block}.{name}" for block in (2, 3, 4, 5) for name in ("conv2.weight", "bias2b")}
    path = {"0.weight", "0.bias"} | {f"{block}.{name}" for block in (3, 5) for name in ("shortcut.weight", "bias1a")}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
    for moving in (classifier, classifier | last | path, set(named)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        assert {name for name, p in named.items() if p.grad.abs().max() > 0} == moving
        optimizer.step()


def test_reinitializing_afterwards_undoes_it():
    """Calling a general initializer after fixup_init brings the explosion back."""
    torch.manual_seed(0)
    model, head = network(30)
    he(fixup_init(model, head))
    x = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        assert model[:-3](x).std() > 100 * model[:2](x).std()


def test_from_scratch_equals_autograd():
    """Weights, output and gradients by hand equal torch's, in float64, with a non-zero second layer."""
    torch.manual_seed(0)
    x = torch.rand(8, 16, dtype=torch.float64) + 1
    w1, w2 = fixup_weights(16, 9, torch.Generator().manual_seed(3))
    w1 = w1.double().requires_grad_()
    w2 = (0.01 * torch.randn(16, 16, dtype=torch.float64)).requires_grad_()
    x.requires_grad_()
    expected = torch.relu(torch.relu(x @ w1.T) @ w2.T + x)
    assert (expected > 0).all()
    grads = torch.autograd.grad(expected.square().sum(), (x, w1, w2))
    y, hidden = forward(x, w1, w2)
    for ours, theirs in zip(backward(2 * y, x, hidden, w1, w2), grads, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(4, 4, 1), (4, 6, 2), (4, 4, 2)])
def test_module_contract(inputs, outputs, stride):
    torch.manual_seed(0)
    block = FixupBlock(inputs, outputs, stride)
    x = torch.randn(2, inputs, 6, 6)
    assert block(x).shape == (2, outputs, 6 // stride, 6 // stride)
    compiled = torch.compile(block, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), block(x))
    other = FixupBlock(inputs, outputs, stride)
    other.load_state_dict(block.state_dict())
    assert torch.equal(other(x), block(x))
    with torch.device("meta"):
        assert FixupBlock(inputs, outputs, stride)(torch.empty(2, inputs, 6, 6)).shape == block(x).shape
    assert torch.autograd.gradcheck(block.double(), (x[:1, :, :4, :4].double().requires_grad_(),))
