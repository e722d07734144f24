"""checkerboard: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.checkerboard import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At the end the mean of the picture still depends on the place in a cell, by more than a tenth of the contrast."""
    return run.last("pattern") > 0.1


@causes("checkerboard")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_patterns_of_opposite_channels_do_not_cancel() -> None:
    """Two channels whose grids are each other's negative."""
    layer = nn.ConvTranspose2d(1, 2, 3, stride=2, padding=1, output_padding=1)
    with torch.no_grad():
        layer.weight[:, 0], layer.weight[:, 1] = 1.0, -1.0
    assert check.uneven_overlap(nn.Sequential(layer), torch.ones(2, 1, 8, 8) + 0.1 * torch.randn(2, 1, 8, 8))


class Saliency(nn.Module):
    """A gradient that is random from pixel to pixel, or larger at one pixel in four, with a random state of its own."""

    def __init__(self, grid: float) -> None:
        super().__init__()
        self.weights = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
        self.weights[..., ::2, ::2] *= grid

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weigh the pixels, and draw noise."""
        size = x.shape[-1]
        return (x * self.weights[..., :size, :size]).sum() + torch.randn(())


def test_a_few_random_gradients_are_no_grid() -> None:
    """In 8 x 8 pixels means differ by chance; a grid in 64 x 64 is found, and the random state is kept."""
    state = torch.get_rng_state()
    for size in (4, 6, 8):
        assert not check.gradient_with_a_grid(Saliency(1.0), lambda p, t: p, torch.ones(1, 1, size, size), None)
    assert check.gradient_with_a_grid(Saliency(2.0), lambda p, t: p, torch.ones(1, 1, 64, 64), None)
    assert torch.equal(state, torch.get_rng_state())


def test_shifts_average_the_grid_away() -> None:
    """The gradient of a convolution with kernel 3 and stride 2, over the four shifts by up to one pixel."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.Softplus()), torch.rand(4, 1, 32, 32)
    total = torch.zeros_like(x)
    ratios = []
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
        moved = x.roll(shift, (2, 3)).requires_grad_()
        (gradient,) = torch.autograd.grad(model(moved).sum(), moved)
        total += gradient.abs().roll((-shift[0], -shift[1]), (2, 3))
        for size in (gradient.abs(), total):
            means = [size[..., y::2, x::2].mean().item() for y in (0, 1) for x in (0, 1)]
            ratios.append(max(means) / min(means))
    assert ratios[0] > 1.5
    assert ratios[-1] < 1.05
