"""Channel shuffle: bit for bit torch's and torchvision's, what an output sees, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.channel_shuffle.evidence import CHANNELS, layers, seen
from snippets.convolutions.channel_shuffle.from_scratch import channel_shuffle, channel_unshuffle, order
from snippets.convolutions.channel_shuffle.use import shuffled_pointwise
from tests.support import oracles  # noqa: F401 - before torchvision

DIVISORS = [(c, g) for c in (12, 24, 30) for g in range(1, c + 1) if c % g == 0]


def small() -> tuple[nn.Module, Tensor]:
    """The shuffled pair between two ordinary convolutions."""
    layers = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), shuffled_pointwise(16, 4), nn.ReLU(), nn.Conv2d(16, 4, 1)]
    return nn.Sequential(*layers), torch.randn(2, 3, 6, 6)


def test_equals_torch() -> None:
    """All divisors, one to three axes of space; torchvision's takes two. The formula, element by element."""
    from torchvision.models.shufflenetv2 import channel_shuffle as torchvisions

    torch.manual_seed(0)
    for channels, groups in DIVISORS:
        for space in ((3,), (3, 2), (2, 3, 2)):
            x = torch.randn(2, channels, *space)
            y = channel_shuffle(x, groups)
            assert torch.equal(y, F.channel_shuffle(x, groups))
            assert torch.equal(y, nn.ChannelShuffle(groups)(x))
            assert torch.equal(y, x[:, order(channels, groups)])
            if len(space) == 2:
                assert torch.equal(y, torchvisions(x, groups))
        for i in range(groups):
            for j in range(channels // groups):
                assert torch.equal(y[:, j * groups + i], x[:, i * channels // groups + j])


def test_undone_by_the_other_factor() -> None:
    """A shuffle by C / g undoes one by g, for all divisors."""
    for channels, groups in DIVISORS:
        x = torch.randn(2, channels, 2, 2)
        y = F.channel_shuffle(x, groups)
        assert torch.equal(F.channel_shuffle(y, channels // groups), x)
        assert torch.equal(channel_unshuffle(y, groups), x)


def test_what_an_output_sees() -> None:
    """All divisors of 24, each output: C / g inputs without; with, all where C / g >= g, otherwise (C / g)²."""
    for groups in (1, 2, 3, 4, 6, 8, 12, 24):
        own = CHANNELS // groups
        without, shuffled = (seen(layers(groups, shuffle)).sum(dim=1) for shuffle in (False, True))
        assert (without == own).all()
        assert (shuffled == (CHANNELS if own >= groups else own**2)).all()


def test_pair_costs_two_over_g() -> None:
    """2 / g of the weights of a dense layer, and each output sees all; other widths and groups are refused."""
    for channels, groups in ((16, 2), (16, 4), (36, 3), (36, 6), (64, 8)):
        pair = shuffled_pointwise(channels, groups)
        assert sum(p.numel() for p in pair.parameters()) * groups == 2 * channels**2
        x = torch.randn(1, channels, 1, 1, requires_grad=True)
        y = pair(x)
        for out in (0, channels // 2, channels - 1):
            assert (torch.autograd.grad(y[0, out, 0, 0], x, retain_graph=True)[0] != 0).all()
    for channels, groups in ((16, 3), (16, 8), (8, 4)):
        with pytest.raises(ValueError, match="cannot reach each other in two layers"):
            shuffled_pointwise(channels, groups)


@pytest.mark.parametrize("groups", [2, 3, 4, 6])
def test_folds_into_the_layer_before(groups: int) -> None:
    """A dense layer before it, with its filters reordered, gives the shuffled output."""
    torch.manual_seed(0)
    conv = nn.Conv2d(12, 12, 3, padding=1).double()
    folded = nn.Conv2d(12, 12, 3, padding=1).double()
    places = order(12, groups)
    folded.load_state_dict({name: value[places] for name, value in conv.state_dict().items()})
    x = torch.randn(2, 12, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(folded(x), F.channel_shuffle(conv(x), groups))


def test_shares_of_the_table(evidence: Any) -> None:
    """Shuffled: all inputs with 2, 3 and 4 groups; 67%, 38%, 17% with 6, 8, 12. Measured anew."""
    shares = {2: 1.0, 3: 1.0, 4: 1.0, 6: 0.67, 8: 0.38, 12: 0.17}
    for groups, share in shares.items():
        maps = evidence()[str(groups)]
        rows = torch.tensor(maps["shuffled"]).float().mean(dim=1)
        assert rows.tolist() == pytest.approx([share] * CHANNELS, abs=0.006)
        for how, shuffle in (("without", False), ("shuffled", True)):
            assert maps[how] == seen(layers(groups, shuffle)).int().tolist()


def test_groups_must_divide() -> None:
    """Refused with the page's text where groups do not divide, taken where they do."""
    for groups in range(1, 13):
        layer, x = nn.ChannelShuffle(groups), torch.zeros(1, 12, 2, 2)
        if 12 % groups:
            with pytest.raises(RuntimeError, match="Number of channels must be divisible by groups"):
                layer(x)
        else:
            assert layer(x).shape == x.shape


def test_nothing_to_shuffle() -> None:
    """The identity with one group and with as many as channels, and with no other number."""
    for channels, groups in DIVISORS:
        x = torch.arange(float(channels)).view(1, channels, 1, 1)
        assert torch.equal(F.channel_shuffle(x, groups), x) == (groups in (1, channels))
