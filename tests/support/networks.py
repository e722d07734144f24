"""Two networks side by side: the guide's and a library's, with the same cheap weights, in eval and in train mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Make = Callable[[], nn.Module]


@dataclass
class Comparison:
    """Two networks that :func:`same_logits` compared: their classes, parameters, and largest differences of outputs."""

    ours: str
    theirs: str
    parameters: tuple[int, int]
    shape: tuple[int, ...]
    differences: list[float] = field(
        default_factory=list
    )  # in eval, then in train mode, relative to the largest output


compared: list[Comparison] = []  # what this process compared, for ``python -m scripts.tools.compared``
RANDOM_MODULES = ("Dropout", "Dropout2d", "DropPath", "StochasticDepth", "DropBlock2d", "AlphaDropout")


def parameters_of(make: Make) -> int:
    """How many parameters a network has; it is built on the meta device, so that none is stored."""
    with torch.device("meta"):
        return sum(p.numel() for p in make().parameters())


def numbers(shape: Sequence[int], salt: int) -> Tensor:
    """Evenly spread numbers from -1 to 1 without a pattern that a kernel could see; cheaper than random ones."""
    place = torch.arange(math.prod(shape), dtype=torch.int32)
    return ((place * 40503 + 7919 * salt) % 65536).float().div_(32768).sub_(1).reshape(tuple(shape))


def filled(make: Make, dropout: bool = False) -> nn.Module:
    """A network whose weights keep the size of a signal; running statistics are not 0 and 1, dropout is off."""
    with torch.device("meta"):
        model = make()
    model.to_empty(device="cpu")
    with torch.no_grad():
        for salt, (name, value) in enumerate(model.state_dict().items()):
            last = name.rpartition(".")[2]
            if not value.is_floating_point():
                value.zero_()
            elif last == "running_var":
                value.copy_(1 + 0.5 * numbers(value.shape, salt))
            elif value.dim() > 1:
                value.copy_(numbers(value.shape, salt) * math.sqrt(6 / max(1, value[0].numel())))
            elif last in ("weight", "gamma"):
                value.copy_(1 + 0.3 * numbers(value.shape, salt))
            else:
                value.copy_(0.1 * numbers(value.shape, salt))
    for module in () if dropout else model.modules():
        if type(module).__name__ in RANDOM_MODULES:
            for name in ("p", "drop_prob"):
                if hasattr(module, name):
                    setattr(module, name, 0.0)
    return model


def take_weights(ours: nn.Module, theirs: nn.Module, rename: Callable[[str], str] | None = None) -> None:
    """Copy the other network's parameters and buffers, by ``rename`` of our names, or in the order in which they stand.

    Raises:
        AssertionError: the two differ in number or shapes.
    """
    source, target = theirs.state_dict(), ours.state_dict()
    assert len(source) == len(target), f"ours has {len(target)} tensors, theirs {len(source)}"
    names = list(map(rename, target)) if rename else list(source)
    for name, other in zip(target, names, strict=True):
        assert target[name].shape == source[other].shape, f"{name} {tuple(target[name].shape)}, {other}"
    ours.load_state_dict({name: source[other] for name, other in zip(target, names, strict=True)})


def same_logits(
    ours: Make,
    theirs: Make,
    rename: Callable[[str], str] | None = None,
    shape: tuple[int, ...] = (2, 3, 64, 64),
    tolerance: float = 1e-4,
    dropout: bool = True,
) -> None:
    """Equal outputs under copied weights, in eval and in train mode, and equal running statistics after it.

    Args:
        ours: makes the guide's network.
        theirs: makes the reference.
        rename: our name of a parameter or buffer -> its name in the reference; without it, they stand in one order.
        shape: of the input; small, for what is compared is arithmetic.
        tolerance: relative to the largest output: float32 rounds at 6e-8, and some hundred layers add their roundings.
        dropout: left as both networks have it, since in train mode both draw the same numbers; else it is off.
    """
    reference, own = filled(theirs, dropout), filled(ours, dropout)
    take_weights(own, reference, rename)
    x = numbers(shape, 3)
    names = [f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}" for model in (own, reference)]
    sizes = [sum(p.numel() for p in model.parameters()) for model in (own, reference)]
    record = Comparison(names[0], names[1], (sizes[0], sizes[1]), shape)
    for training in (False, True):
        with torch.no_grad():
            torch.manual_seed(0)
            y = own.train(training)(x)
            torch.manual_seed(0)
            z = reference.train(training)(x)
        z = z if isinstance(z, Tensor) else z[0]  # some return helpers' outputs too
        assert torch.isfinite(z).all()
        assert z.std() > 1e-6, "the outputs are all alike: the comparison would prove nothing"
        torch.testing.assert_close(y, z, rtol=0, atol=tolerance * z.abs().max().item())
        record.differences.append(((y - z).abs().max() / z.abs().max()).item())
    names = list(map(rename, own.state_dict())) if rename else list(reference.state_dict())
    for (name, buffer), other in zip(own.state_dict().items(), names, strict=True):
        if "running" in name:
            torch.testing.assert_close(buffer, reference.state_dict()[other], rtol=1e-3, atol=1e-4, msg=name)
    compared.append(record)
