"""GPT-2's initialization: the standard deviations, the closed form, and the claims of its page."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from snippets.initialization.gpt2_residual_init.evidence import DEPTHS
from snippets.initialization.gpt2_residual_init.from_scratch import gelu_second_moment, simulate, stream_variance
from snippets.initialization.gpt2_residual_init.use import Block, gpt2_residual_, gpt2_residual_std, init_gpt2


def test_std_is_the_closed_form():
    torch.manual_seed(0)
    weight = gpt2_residual_(torch.empty(400, 400), blocks=12)
    assert gpt2_residual_std((400, 400), 12) == pytest.approx(0.02 / math.sqrt(24), rel=1e-12)
    assert weight.std() == pytest.approx(0.02 / math.sqrt(24), rel=0.01)  # 160000 draws: 0.2%
    assert abs(weight.mean()) < 1e-4
    again = [gpt2_residual_(torch.empty(4, 4), generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*again)


@pytest.mark.parametrize("blocks", [2, 8])
def test_only_two_layers_of_a_block_are_scaled(blocks):
    """In each block the attention's output projection and the MLP's second layer are scaled, nothing else."""
    torch.manual_seed(0)
    model = init_gpt2(nn.Sequential(*[Block(128, 4) for _ in range(blocks)]), blocks)
    for name, p in model.named_parameters():
        if p.ndim < 2:
            continue
        scaled = name.endswith(("attention_out.weight", "mlp_out.weight"))
        expected = 0.02 / math.sqrt(2 * blocks) if scaled else 0.02
        assert p.std().item() == pytest.approx(expected, rel=0.05), name
    assert all((p == 0).all() for name, p in model.named_parameters() if name.endswith("bias"))


def test_names_have_to_match():
    """Layers named otherwise, as nanoGPT's c_proj and Llama's o_proj and down_proj, all get 0.02, without an error."""
    torch.manual_seed(0)
    for names in (("attn.c_proj", "mlp.c_proj"), ("self_attn.o_proj", "mlp.down_proj")):
        blocks = [nn.ModuleDict({name.replace(".", "_"): nn.Linear(128, 128) for name in names}) for _ in range(8)]
        nested = nn.ModuleList([nn.ModuleDict({name.split(".")[-1]: nn.Linear(128, 128)}) for name in names])
        for module in (*blocks, nested):
            init_gpt2(module, 8)
            for linear in (m for m in module.modules() if isinstance(m, nn.Linear)):
                assert linear.weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.fixture(scope="module")
def variances(evidence) -> Callable[[int, bool], torch.Tensor]:
    """Variance of the stream before each block and after the last, of the figure's three draws, (draws, blocks + 1)."""

    def of(blocks: int, scaled: bool) -> torch.Tensor:
        name = "scaled by 1/sqrt(2 blocks)" if scaled else "0.02 throughout"
        runs = torch.tensor(evidence()[f"{name}, {blocks} blocks"], dtype=torch.float64)
        assert runs.shape == (3, blocks + 1)
        return runs

    return of


def test_variance_is_bounded_in_depth(variances):
    """Scaled, 32 blocks add to the stream what 2 blocks add, to 30%; unscaled they add over ten times as much."""
    added = {}
    for scaled in (True, False):
        for blocks in (2, 32):
            runs = variances(blocks, scaled)
            added[scaled, blocks] = (runs[:, -1] - runs[:, 0]).mean().item()
    assert added[True, 32] == pytest.approx(added[True, 2], rel=0.3)
    assert added[False, 32] > 10 * added[False, 2]


@pytest.mark.parametrize("seed", range(3))
def test_attention_adds_less(seed):
    """Each of 8 scaled blocks: attention adds under 2/3 of the MLP's variance over 8 or more tokens, less over more.

    On a single token, without averaging, it adds about as much. Each block adds what the mean block adds, to 40%.
    """
    torch.manual_seed(seed)
    model = init_gpt2(nn.Sequential(*[Block(128, 4) for _ in range(8)]), 8)
    means = []
    for tokens in (1, 8, 32):
        x, shares, added = 0.02 * torch.randn(16, tokens, 128), [], []
        for block in model:
            with torch.no_grad():
                q, k, v = block.qkv(block.norm1(x)).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
                mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
                attention = block.attention_out(mixed.transpose(1, 2).flatten(2))
                mlp = block.mlp_out(nn.functional.gelu(block.mlp_in(block.norm2(x + attention))))
                torch.testing.assert_close(block(x), x + attention + mlp)
                shares.append((attention.var() / mlp.var()).item())
                added.append((block(x).var() - x.var()).item())
                x = block(x)
        means.append(sum(shares) / 8)
        if tokens > 1:
            assert max(shares) < 2 / 3
            assert max(abs(one / (sum(added) / 8) - 1) for one in added) < 0.4
    assert means[0] == pytest.approx(1, abs=0.2)
    assert means[0] > means[1] > means[2]


def test_only_the_unscaled_stream_grows(variances):
    """Unscaled, twice the blocks add about twice the variance; scaled, 2 to 64 blocks add the same, to 20%.

    Along one model of 64 blocks the scaled variance lies two orders of magnitude lower.
    """
    added = {}
    for scaled in (False, True):
        runs = [variances(blocks, scaled) for blocks in DEPTHS]
        added[scaled] = [(run[:, -1] - run[:, 0]).median().item() for run in runs]
    assert DEPTHS == [2, 4, 8, 16, 32, 64]
    assert all(1.7 < deeper / shallower < 2.6 for shallower, deeper in pairwise(added[False]))
    assert max(added[True]) < 1.2 * min(added[True])
    unscaled, scaled = (variances(64, s)[0, 1:] - variances(64, s)[0, 0] for s in (False, True))
    assert ((unscaled / scaled > 60) & (unscaled / scaled < 300)).all()


def test_later_blocks_have_smaller_shares(variances):
    """Share of the stream behind a block: 0.9 for the first of 64, scaled 0.05; 0.01 to 0.03 for each of the last 8."""
    for scaled, first in ((False, 0.9), (True, 0.055)):
        for path in variances(64, scaled).tolist():
            shares = [(after - before) / after for before, after in pairwise(path)]
            assert shares[0] == pytest.approx(first, rel=0.2)
            assert 0.006 < sum(shares[-8:]) / 8 < 0.034


def test_order_of_calls_matters():
    """A general initialization after the scaled one overwrites it: the output projections are back at 0.02."""
    torch.manual_seed(0)
    model = init_gpt2(nn.Sequential(*[Block(128, 4) for _ in range(8)]), 8)
    model.apply(lambda m: nn.init.normal_(m.weight, std=0.02) if isinstance(m, nn.Linear) else None)
    assert model[0].mlp_out.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_torch_layer_ignores_depth():
    """nn.TransformerEncoder copies one layer: the same scale, and even the same weights, at any depth."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    stds = []
    for depth in (2, 8):
        encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        stds.append(encoder.layers[0].linear2.weight.std().item())
        assert torch.equal(encoder.layers[0].linear2.weight, encoder.layers[-1].linear2.weight)
    assert stds[0] == stds[1]


def test_width_is_not_in_the_rule():
    """0.02 knows no width: an inner layer at width 64 passes on 0.16 of a unit signal's scale, at width 1600 0.8."""
    torch.manual_seed(0)
    for width, expected in ((64, 0.16), (1600, 0.8)):
        y = torch.randn(64, width) @ (0.02 * torch.randn(width, 512))
        assert y.std().item() == pytest.approx(expected, rel=0.05)


def test_closed_form_is_what_happens():
    torch.manual_seed(0)
    for blocks, out_std in ((4, 0.02), (16, 0.005)):
        predicted = stream_variance(blocks, 256, 0.02, out_std, 4e-4)
        simulated = simulate(0.02 * torch.randn(64, 256), blocks, 0.02, out_std).var().item()
        assert simulated == pytest.approx(predicted, rel=0.1)
    z = torch.randn(2_000_000, dtype=torch.float64)
    assert gelu_second_moment(1.0) == pytest.approx(nn.functional.gelu(z).square().mean().item(), rel=0.01)


def test_module_contract():
    """gradcheck, meta device, torch.compile without a graph break, a state_dict round trip, and causality."""
    torch.manual_seed(0)
    block = Block(4, 2).double()
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)
    with torch.device("meta"):
        assert Block(8, 2)(torch.empty(1, 5, 8)).shape == (1, 5, 8)
    torch.testing.assert_close(torch.compile(block, backend="eager", fullgraph=True)(x), block(x))
    other = Block(4, 2).double()
    other.load_state_dict(block.state_dict())
    assert torch.equal(other(x), block(x))
    later = x.detach().clone()
    later[:, 2] += 1
    torch.testing.assert_close(block(later)[:, :2], block(x)[:, :2])
