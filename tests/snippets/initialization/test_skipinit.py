"""SkipInit: identity at alpha = 0, the variances in closed form, and the claims of its page."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from snippets.initialization.skipinit.evidence import BLOCKS, DRAWS, NAMES, through_blocks
from snippets.initialization.skipinit.from_scratch import predicted_variances, simulated_variances
from snippets.initialization.skipinit.use import SkipInitBlock


def test_identity_at_zero():
    """With alpha = 0 a stack of blocks is the identity, forward and backward, and alpha has a gradient."""
    torch.manual_seed(0)
    model = nn.Sequential(*[SkipInitBlock(4) for _ in range(20)])
    x, gradient = torch.randn(2, 4, 5, 5, requires_grad=True), torch.randn(2, 4, 5, 5)
    y = model(x)
    assert torch.equal(y, x)
    y.backward(gradient)
    assert torch.equal(x.grad, gradient)
    assert all(block.alpha.grad.abs() > 0 for block in model)


def test_branch_is_the_written_out_formula():
    torch.manual_seed(0)
    block, x = SkipInitBlock(4, alpha=0.3), torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        block.conv1.bias.normal_()
        block.conv2.bias.normal_()
        hidden = nn.functional.conv2d(x.clamp(min=0), block.conv1.weight, block.conv1.bias, padding=1)
        expected = x + 0.3 * nn.functional.conv2d(hidden.clamp(min=0), block.conv2.weight, block.conv2.bias, padding=1)
        torch.testing.assert_close(block(x), expected, rtol=1e-6, atol=1e-6)


@pytest.fixture(scope="module")
def draws(evidence) -> Callable[[str], torch.Tensor]:
    """Moments of the skip path and shares of the branch in the figure's draws, (draws, 2, blocks)."""

    def of(name: str) -> torch.Tensor:
        runs = torch.tensor(evidence()[name])
        assert runs.shape == (DRAWS, 2, BLOCKS)
        return runs

    return of


def test_batch_norm_shrinks_the_branch(draws):
    """Behind batch normalization the skip path's moment is near l at block l, and the branch's share near 1/l."""
    runs = torch.cat([draws(NAMES[0]), torch.tensor([through_blocks(NAMES[0], DRAWS)])]).mean(0)  # (2, blocks)
    for block in (10, 20, 40):
        assert runs[0, block - 1] == pytest.approx(block, rel=0.15)
        assert runs[1, block - 1] == pytest.approx(1 / block, rel=0.25)  # one layer's draw: 10 to 15% of spread


def test_without_both_the_signal_doubles():
    """Without normalization and scalar the moment doubles at every block, averaged over weights; over 1e9 after 40."""
    torch.manual_seed(0)
    runs = [simulated_variances(torch.randn(32, 512), 40, alpha=1.0, normalized=False) for _ in range(12)]
    moments = torch.tensor(runs)
    factors = moments[:, 1:] / moments[:, :-1]  # (draws, blocks)
    assert factors.mean().item() == pytest.approx(2, abs=0.03)
    error = factors.std(0).mean() / len(runs) ** 0.5  # of the mean over the draws, about 0.03
    assert ((factors.mean(0) - 2).abs() < 5 * error).all()
    assert error < 0.06
    assert moments[:, -1].min() > 1e9


def test_inverse_root_grows_to_e(draws):
    """With alpha = 1/sqrt(d) the moment grows to (1 + 1/d)^d, below e = 2.72, at every depth d."""
    for blocks in (1, 2, 5, 50, 500, 5000):
        last = predicted_variances(blocks, 1 / math.sqrt(blocks), normalized=False)[-1]
        assert last == pytest.approx((1 + 1 / blocks) ** blocks, rel=1e-9)
        assert last < math.e
    measured = [*draws(NAMES[2])[:, 0, -1].tolist(), through_blocks(NAMES[2], DRAWS)[0][-1]]
    assert sum(measured) / 4 == pytest.approx((1 + 1 / BLOCKS) ** (BLOCKS - 1), rel=0.15)


def test_skipinit_is_small_from_the_first_block(draws):
    """Behind batch norm the share is 1/l: full in block 1, half in block 2; SkipInit's is near 1/40 in every block."""
    (bn_skip, bn), (loud_skip, loud), (quiet_skip, quiet) = (draws(name).median(0).values for name in NAMES)
    times_block = bn * torch.arange(1, BLOCKS + 1)
    # One draw of 16 channels spreads by 10 to 15%.
    assert ((times_block > 0.7) & (times_block < 1.4)).all()
    assert times_block.mean() == pytest.approx(1, abs=0.08)
    assert bn[0] > 0.7
    assert bn[1] == pytest.approx(0.5, abs=0.15)
    assert ((quiet > 0.65 / BLOCKS) & (quiet < 1.4 / BLOCKS)).all()
    # What the figure's description prints.
    assert 0.2 < loud.min() < loud.max() < 4
    assert loud_skip[-1] > 1e9
    assert bn_skip[-1] == pytest.approx(40, abs=6)
    assert quiet_skip[-1] == pytest.approx(2.5, abs=0.3)


@pytest.mark.parametrize(("alpha", "normalized"), [(1.0, True), (0.25, False), (0.0, False)])
def test_closed_form_is_what_happens(alpha, normalized):
    torch.manual_seed(0)
    predicted = predicted_variances(16, alpha, normalized)
    simulated = simulated_variances(torch.randn(512, 512), 16, alpha, normalized)
    assert simulated == pytest.approx(predicted, rel=0.15)  # width 512: 6% of spread a layer


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_alpha_one_overflows_half_precision(seed):
    """With alpha left at 1, 50 blocks overflow float16, whose largest number is 65504; at 1/sqrt(50) they do not."""
    torch.manual_seed(seed)
    x = torch.randn(2, 16, 8, 8)
    with torch.no_grad():
        loud = nn.Sequential(*[SkipInitBlock(16, 1.0) for _ in range(50)])(x)
        quiet = nn.Sequential(*[SkipInitBlock(16, 1 / math.sqrt(50)) for _ in range(50)])(x)
    assert loud.half().isinf().any()
    assert quiet.half().isfinite().all()


def test_projection_shortcut_is_not_covered():
    """A shortcut that halves the size is no identity, though alpha is 0: it needs its own initialization."""
    torch.manual_seed(0)
    x = torch.randn(8, 64, 8, 8)

    def left(signal: torch.Tensor) -> float:
        return (shortcut(signal).square().mean() / signal.square().mean()).item()

    shortcut = nn.Conv2d(64, 128, 1, stride=2, bias=False)  # torch's default: a third of the input's second moment
    assert [left(x), left(x.relu())] == pytest.approx([1 / 3, 1 / 3], rel=0.1)
    nn.init.kaiming_normal_(shortcut.weight, nonlinearity="linear")
    assert left(x) == pytest.approx(1, rel=0.1)
    nn.init.kaiming_normal_(shortcut.weight, nonlinearity="relu")
    assert (shortcut(x.relu()).square().mean() / x.square().mean()).item() == pytest.approx(1, rel=0.1)


def test_module_contract():
    """gradcheck, meta device, torch.compile without a graph break, and a state_dict round trip."""
    torch.manual_seed(0)
    block = SkipInitBlock(2, alpha=0.5).double()
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)
    with torch.device("meta"):
        assert SkipInitBlock(4)(torch.empty(1, 4, 6, 6)).shape == (1, 4, 6, 6)
    torch.testing.assert_close(torch.compile(block, backend="eager", fullgraph=True)(x), block(x))
    other = SkipInitBlock(2).double()
    other.load_state_dict(block.state_dict())
    assert torch.equal(other(x), block(x))
