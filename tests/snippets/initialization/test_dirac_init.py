"""Dirac initialization: equal to torch, exact identity, and the claims of its page."""

from statistics import median

import pytest
import torch
from torch import nn

from snippets.initialization.dirac_init.evidence import NAMES, SEEDS, STEPS, load, network, train
from snippets.initialization.dirac_init.from_scratch import dirac_
from snippets.initialization.dirac_init.use import dirac_init_, identity_stack

CASES = [((6, 4, 3), 1), ((4, 6, 4), 1), ((6, 4, 3, 5), 1), ((8, 2, 3, 3), 4), ((9, 2, 3, 3), 3), ((6, 3, 3, 3, 3), 2)]


@pytest.mark.parametrize(("shape", "groups"), CASES)
def test_equals_torch(shape, groups):
    """The same entries as torch.nn.init.dirac_, in 3 to 5 dimensions, with and without groups."""
    assert torch.equal(dirac_(torch.empty(shape), groups), nn.init.dirac_(torch.empty(shape), groups))
    assert torch.equal(dirac_init_(torch.empty(shape), groups), nn.init.dirac_(torch.empty(shape), groups))


@pytest.mark.parametrize("layer", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 1), (5, 1), (3, 2), (3, 4)])
def test_convolution_returns_its_input(layer, kernel, groups):
    """Odd kernel k, padding k // 2, no bias: it returns its input, in 1-D, 2-D and 3-D, and per group.

    With torch's default bias, or with a stride of 2, it does not.
    """
    convolution = layer(8, 8, kernel, padding=kernel // 2, groups=groups, bias=False)
    dirac_init_(convolution.weight, groups)
    x = torch.randn(2, 8, *[6] * (convolution.weight.dim() - 2))
    assert torch.equal(convolution(x), x)
    biased = layer(8, 8, kernel, padding=kernel // 2, groups=groups)
    dirac_init_(biased.weight, groups)
    assert not torch.allclose(biased(x), x)
    convolution.stride = tuple(2 for _ in convolution.stride)
    assert convolution(x).shape != x.shape


@pytest.mark.parametrize("groups", [1, 2])
def test_other_numbers_of_outputs(groups):
    """Fewer outputs than inputs are the first channels of each group; further outputs are zero."""
    x = torch.randn(2, 8, 6, 6)
    for channels in (4, 12):
        convolution = nn.Conv2d(8, channels, 3, padding=1, groups=groups, bias=False)
        dirac_init_(convolution.weight, groups)
        for part, y in zip(x.chunk(groups, 1), convolution(x).chunk(groups, 1), strict=True):
            kept = min(part.shape[1], y.shape[1])
            assert torch.equal(y[:, :kept], part[:, :kept])
            assert not y[:, kept:].any()


def test_fifty_layers_are_exact():
    """Fifty convolutions with ReLU return a non-negative image bit for bit."""
    x = torch.rand(2, 8, 8, 8)
    assert torch.equal(identity_stack(8, 50, noise=0.0)(x), x)


def test_noise_keeps_it_close():
    """With noise of 0.01, 10 layers of 16 channels correlate with a random image above 0.65; Kaiming's below 0.2."""
    for seed in range(10):
        torch.manual_seed(seed)
        x = torch.rand(1, 16, 8, 8)
        stack, other = identity_stack(16, 10), identity_stack(16, 10)
        for module in other:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        with torch.no_grad():
            likeness = [torch.corrcoef(torch.stack([x.flatten(), m(x).flatten()]))[0, 1] for m in (stack, other)]
        assert likeness[0] > 0.65
        assert likeness[1].abs() < 0.2


def likeness(a: torch.Tensor, b: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].item()


def test_kaiming_loses_the_picture():
    """Dirac with noise: the digit stays, and so does the second moment, to a factor of 2. Kaiming: both are lost.

    By layer 10 the picture has dissolved; 20 layers leave about a hundredth of the second moment in the
    median of 60 draws: single ones lie between a ten-thousandth and three.
    """
    x, _ = load()
    ends = {}
    for name in NAMES:
        model = network(name, 0)
        with torch.no_grad():
            depths = {depth: model[: 2 * depth](x) for depth in (5, 10, 20)}
            kept = [(network(name, seed)(x).square().mean() / x.square().mean()).item() for seed in range(60)]
        shown = [likeness(x[5, 0], z[5, 0]) for z in depths.values()]  # the images of the figure
        ends[name] = likeness(x[5], depths[20][5])
        if name == "Kaiming":
            assert max(abs(value) for value in shown[1:]) < 0.3
            assert 0.004 < median(kept) < 0.025
        else:
            assert min(shown) > 0.8
            assert all(0.5 < share < 2 for share in kept)
    assert ends["Dirac and noise"] > 0.8
    assert abs(ends["Kaiming"]) < 0.3


def test_dirac_is_ahead_at_first(evidence):
    """Both train: from 2.3 or more, 25 steps of Adam bring the median loss of three seeds below 1.

    In the median of nine seeds Dirac is ahead after each of the first 20 steps; then single draws of Kaiming catch up.
    """
    dirac, kaiming = (torch.tensor(evidence()[name]) for name in NAMES)  # (seeds, losses)
    assert dirac.shape == kaiming.shape == (SEEDS, STEPS + 1) == (3, 26)
    for losses in (dirac, kaiming):
        assert losses[:, 0].min() > 2.2  # both begin at guessing
        assert losses[:, -1].median() < 1
    x, y = load()
    ahead, behind = (torch.tensor([train(network(name, seed), x, y) for seed in range(9)]) for name in NAMES)
    assert (ahead.median(0).values[1:21] < behind.median(0).values[1:21]).all()


def test_groups_must_be_given():
    """On a layer of 4 groups and 16 channels, dirac_ without groups leaves 12 of 16 output channels at 0."""
    convolution = nn.Conv2d(16, 16, 3, padding=1, groups=4, bias=False)
    nn.init.dirac_(convolution.weight)
    y = convolution(torch.rand(1, 16, 5, 5))
    assert (y.flatten(2).abs().sum(dim=2) == 0).sum() == 12


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bias", ["zero", "default"])
def test_new_channels_are_dead_behind_a_relu(bias: str, seed: int):
    """From 3 to 16 channels, 13 get weights 0; behind a ReLU their gradient is 0 and 20 steps do not wake them.

    torch's default biases wake those that are positive; those that are negative stay.
    """
    torch.manual_seed(seed)
    convolution = nn.Conv2d(3, 16, 3, padding=1)
    nn.init.dirac_(convolution.weight)
    if bias == "zero":
        nn.init.zeros_(convolution.bias)
    asleep = [channel for channel in range(3, 16) if convolution.bias[channel] <= 0]
    assert len(asleep) == 13 if bias == "zero" else 0 < len(asleep) < 13
    head = nn.Linear(16, 2)
    optimizer = torch.optim.SGD([*convolution.parameters(), *head.parameters()], lr=0.1)
    for _ in range(20):
        y = head(torch.relu(convolution(torch.rand(4, 3, 6, 6))).mean(dim=(2, 3)))
        optimizer.zero_grad()
        nn.functional.cross_entropy(y, torch.tensor([0, 1, 0, 1])).backward()
        optimizer.step()
    size = convolution.weight.flatten(1).abs().sum(dim=1)
    assert (size == 0).nonzero().flatten().tolist() == asleep
    output = torch.relu(convolution(torch.rand(4, 3, 6, 6)))
    assert (output[:, asleep] == 0).all()


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
