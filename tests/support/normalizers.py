"""Finds the normalizing layers of the guide, and makes inputs for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tests.support.discovery import modules
from tests.support.guide import guide

WIDTH = 8  # channels or features
SPACES = ((7,), (5, 4), (3, 4, 2))


@dataclass(frozen=True)
class Normalizer:
    """A layer that works on (batch, channel, *space), or on the last dimension of (batch, position, feature)."""

    name: str  # <id_>/<role>.<class>
    entry: str
    make: Callable[..., nn.Module]
    on_last: bool

    @property
    def shares(self) -> frozenset[str]:
        """Over what one statistic is computed, as the page says."""
        return frozenset(guide().by_id[self.entry].facts("shares"))

    def layer(self, dtype: torch.dtype = torch.float64) -> nn.Module:
        """A fresh layer, its other arguments at their defaults."""
        torch.manual_seed(0)
        return self.make(WIDTH).to(dtype)

    def inputs(self, batch: int = 4, space: tuple[int, ...] = (5, 4), dtype: torch.dtype = torch.float64) -> Tensor:
        """Noise with another mean and another size in each sample, channel and place, (batch, channel, *space)."""
        generator = torch.Generator().manual_seed(1)
        shape = (batch, 6, WIDTH) if self.on_last else (batch, WIDTH, *space)
        x = torch.randn(shape, dtype=torch.float64, generator=generator)
        for dim, size in enumerate(shape):
            ramp = torch.linspace(-1, 1, size, dtype=torch.float64) if size > 1 else torch.zeros(1, dtype=torch.float64)
            view = [1] * len(shape)
            view[dim] = size
            x = x * (1.5 + ramp.view(view)) + 2 * ramp.view(view)
        return x.to(dtype)

    @property
    def spaces(self) -> tuple[tuple[int, ...], ...]:
        """The forms of space that the layer takes: 1-D to 3-D, or one where it has none."""
        return ((),) if self.on_last else SPACES


def _required(function: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


def discover() -> dict[str, Normalizer]:
    """Every public module class of the section that is made of a width alone and takes one tensor."""
    found = {}
    for stem, module in modules("normalization").items():
        entry = stem.partition("/")[0].replace("_", "-")
        for name, value in vars(module).items():
            own = isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
            if not own or name.startswith("_") or len(_required(value.forward)) != 2:  # self and the tensor
                continue
            needed = _required(value)
            if needed in (["channels"], ["features"]):
                key = f"{stem}.{name}"
                found[key] = Normalizer(key, entry, value, on_last=needed == ["features"])
    return found
