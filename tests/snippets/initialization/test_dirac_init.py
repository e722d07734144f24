"""Dirac initialization: equal to torch, exact identity, and the claims of its page."""

import pytest
import torch
from torch import nn

from snippets.initialization.dirac_init import dirac_init_, identity_stack
from snippets.initialization.dirac_init_from_scratch import dirac_

CASES = [((6, 4, 3), 1), ((4, 6, 4), 1), ((6, 4, 3, 5), 1), ((8, 2, 3, 3), 4), ((9, 2, 3, 3), 3), ((6, 3, 3, 3, 3), 2)]


@pytest.mark.parametrize(("shape", "groups"), CASES)
def test_equals_torch(shape, groups):
    """The same entries as torch.nn.init.dirac_, in 3 to 5 dimensions, with and without groups."""
    assert torch.equal(dirac_(torch.empty(shape), groups), nn.init.dirac_(torch.empty(shape), groups))
    assert torch.equal(dirac_init_(torch.empty(shape), groups), nn.init.dirac_(torch.empty(shape), groups))


@pytest.mark.parametrize("layer", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 1), (5, 1), (3, 2), (3, 4)])
def test_convolution_returns_its_input(layer, kernel, groups):
    """With an odd kernel k and padding k // 2 the convolution returns its input, in 1-D, 2-D and 3-D, and per group."""
    convolution = layer(8, 8, kernel, padding=kernel // 2, groups=groups, bias=False)
    dirac_init_(convolution.weight, groups)
    x = torch.randn(2, 8, *[6] * (convolution.weight.dim() - 2))
    assert torch.equal(convolution(x), x)


def test_fifty_layers_are_exact():
    """Fifty convolutions with ReLU return a non-negative image bit for bit."""
    x = torch.rand(2, 8, 8, 8)
    assert torch.equal(identity_stack(8, 50, noise=0.0)(x), x)


def test_noise_keeps_it_close():
    """With noise of 0.01, 10 layers of 16 channels still correlate with the input above 0.8; Kaiming's below 0.5."""
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.rand(1, 16, 8, 8)
        stack, other = identity_stack(16, 10), identity_stack(16, 10)
        for module in other:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        with torch.no_grad():
            likeness = [torch.corrcoef(torch.stack([x.flatten(), m(x).flatten()]))[0, 1] for m in (stack, other)]
        assert likeness[0] > 0.8
        assert likeness[1].abs() < 0.5


def test_groups_must_be_given():
    """On a layer of 4 groups and 16 channels, dirac_ without groups leaves 12 of 16 output channels at 0."""
    convolution = nn.Conv2d(16, 16, 3, padding=1, groups=4, bias=False)
    nn.init.dirac_(convolution.weight)
    y = convolution(torch.rand(1, 16, 5, 5))
    assert (y.flatten(2).abs().sum(dim=2) == 0).sum() == 12


def test_new_channels_are_dead_behind_a_relu():
    """From 3 to 16 channels, 13 get weights 0; behind a ReLU their gradient is 0 and training never wakes them."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 16, 3, padding=1)
    nn.init.dirac_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    head = nn.Linear(16, 2)
    optimizer = torch.optim.SGD([*convolution.parameters(), *head.parameters()], lr=0.1)
    for _ in range(20):
        y = head(torch.relu(convolution(torch.rand(4, 3, 6, 6))).mean(dim=(2, 3)))
        optimizer.zero_grad()
        nn.functional.cross_entropy(y, torch.tensor([0, 1, 0, 1])).backward()
        optimizer.step()
    assert (convolution.weight.flatten(1).abs().sum(dim=1) == 0).sum() == 13


def test_even_kernel_shifts():
    """With kernel 4 and padding="same" the image comes out shifted by one pixel."""
    convolution = nn.Conv1d(1, 1, 4, padding="same", bias=False)
    nn.init.dirac_(convolution.weight)
    x = torch.randn(1, 1, 10)
    with pytest.warns(UserWarning, match="padding='same'"):
        y = convolution(x)
    assert torch.equal(y[..., :-1], x[..., 1:])
    assert not torch.equal(y, x)


def test_bad_shapes():
    for function in (dirac_, dirac_init_):
        with pytest.raises(ValueError, match=r"no kernel|dimensions"):
            function(torch.empty(3, 3))
        with pytest.raises(ValueError, match=r"no kernel|divisible"):
            function(torch.empty(4, 3, 3), groups=3)
