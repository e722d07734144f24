"""Finds the normalizing layers of the guide, says what theory demands of them, and makes inputs for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from tests.support.discovery import modules
from tests.support.guide import guide

WIDTH = 8  # channels or features
SPACES = ((7,), (5, 4), (3, 4, 2))
Make = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Theory:
    """What must hold of a layer. The defaults are what batch, layer, group and instance normalization have in common.

    Strict on purpose: a layer of which less holds says so in `tests/support/unlike.py`, and that is tested, too.
    """

    unmoved: frozenset[str] = frozenset({"scale", "shift"})  # changes of all that share a statistic which leave y alone
    gives: str = "variance"  # mean 0 and variance 1 over a statistic; "square": mean square 1; "" where neither
    affine: tuple[str, ...] = ("weight", "bias")  # parameters of a number for each channel
    stored: bool | None = None  # whether eval mode uses stored statistics; where None: if the batch shares them
    steps: bool = False  # whether a call in training mode takes a step of the power method
    zeros: bool = True  # whether zeros give a finite output; else NaN
    shares: frozenset[str] | None = None  # where other than the page's front matter
    spaces: tuple[tuple[int, ...], ...] = SPACES
    fixed: bool = False  # made for the first of its spaces alone
    refuses_one: str | None = None  # one value for each channel: "training", "always", ""; None: if the batch shares
    widens: bool = False  # whether the output of half precision is float32


@dataclass(frozen=True)
class Normalizer:
    """A layer that works on (batch, channel, *space), or on the last dimension of (batch, position, feature)."""

    name: str  # <id_>/<role>.<class>
    entry: str
    make: Make
    on_last: bool = False
    theory: Theory = field(default_factory=Theory)

    @property
    def shares(self) -> frozenset[str]:
        """Over what one statistic is computed, as the page says."""
        own = self.theory.shares
        return frozenset(guide().by_id[self.entry].facts("shares")) if own is None else own

    @property
    def stored(self) -> bool:
        """Whether eval mode uses stored statistics."""
        return "batch" in self.shares if self.theory.stored is None else self.theory.stored

    @property
    def modes_differ(self) -> bool:
        """Whether eval mode computes otherwise: from what was stored, or without a step that training takes."""
        return self.stored or self.theory.steps

    @property
    def refuses_one(self) -> str:
        """In which modes one value for each channel is an error, as it is for torch's layers."""
        of_batch = "training" if self.shares == {"batch", "space"} else ""
        return of_batch if self.theory.refuses_one is None else self.theory.refuses_one

    def layer(self, dtype: torch.dtype = torch.float64) -> nn.Module:
        """A fresh layer, its other arguments at their defaults."""
        torch.default_generator.manual_seed(0)  # torch.manual_seed also formats a traceback for each kind of device
        return self.make(WIDTH).to(dtype)

    def inputs(self, batch: int = 4, space: tuple[int, ...] = (5, 4), dtype: torch.dtype = torch.float64) -> Tensor:
        """Noise with another mean and another size in each sample, channel and place, (batch, channel, *space)."""
        generator = torch.Generator().manual_seed(1)
        place = self.spaces[0] if self.theory.fixed else space
        shape = (batch, 6, WIDTH) if self.on_last else (batch, WIDTH, *place)
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
        return ((),) if self.on_last else self.theory.spaces

    def axes(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        """The dimensions of an input by the names that `shares` uses."""
        if self.on_last:
            return {"batch": (0,), "position": (1,), "channel": (2,)}
        return {"batch": (0,), "channel": (1,), "space": tuple(range(2, x.dim()))}

    def over(self, x: Tensor) -> list[int]:
        """The dimensions over which one statistic goes; of a group, without the channels."""
        axes = self.axes(x)
        return sorted(dim for name in self.shares & set(axes) for dim in axes[name])


def _required(function: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


def classes() -> dict[str, type[nn.Module]]:
    """Every public module class in the section's rooms, by ``<id_>/<role>.<class>``."""
    found = {}
    for stem, module in modules("normalization").items():
        for name, value in vars(module).items():
            own = isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
            if own and not name.startswith("_"):
                found[f"{stem}.{name}"] = value
    return found


def by_form() -> dict[str, Normalizer]:
    """The classes that are made of ``channels`` or ``features`` alone and take one tensor."""
    found = {}
    for key, value in classes().items():
        needed = _required(value)
        if needed in (["channels"], ["features"]) and len(_required(value.forward)) == 2:  # self and the tensor
            entry = key.partition("/")[0].replace("_", "-")
            found[key] = Normalizer(key, entry, value, on_last=needed == ["features"])
    return found


def discover() -> dict[str, Normalizer]:
    """Every normalizing layer of the section: those of the usual form, and those of which `unlike` says how."""
    from tests.support import unlike

    found = {key: replace(n, theory=unlike.THEORY.get(key, n.theory)) for key, n in by_form().items()}
    return found | {n.name: n for n in unlike.adapted()}
