"""On which samples, or time steps, does one output depend? By gradient, by replacement, and down to the first layer.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "use backprop to chart dependencies".
"""

import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn


def sources(model: nn.Module, inputs: Tensor, place: int = 0, dim: int = 0, training: bool = False) -> list[int]:
    """Places of the inputs from which the output at ``place`` gets a gradient that is not 0.

    A sound model gives ``[place]`` along the batch, and nothing after ``place`` along time if it is causal.

    Args:
        model: gives a tensor whose dimension ``dim`` belongs to that of the inputs. A copy of it is asked.
        inputs: floating-point numbers, (samples, ...), at least two samples that differ.
        place: the sample or time step that is asked about.
        dim: 0 for samples first; 1 for time in (samples, time, ...).
        training: ask in train mode; batch normalization then mixes samples by design, unless it is frozen in eval mode.
    """
    x = inputs.detach().clone().requires_grad_()
    with torch.random.fork_rng(devices=cuda(inputs)), torch.enable_grad():
        output = asked(model, training)(x).select(dim, place)
        weights = torch.rand_like(output)  # the plain sum of probabilities is 1, whatever the inputs are
        gradient = torch.autograd.grad((weights * output).sum(), x)[0]
    return gradient.movedim(dim, 0).flatten(1).ne(0).any(dim=1).nonzero().flatten().tolist()


def change_by_others(
    model: nn.Module,
    inputs: Tensor,
    place: int = 0,
    dim: int = 0,
    others: Collection[int] | None = None,
    training: bool = False,
) -> float:
    """Largest change of the output at ``place`` if other places hold a copy of what is there; also for token ids.

    Args:
        model: as for ``sources``; the dropout masks are the same in both passes.
        inputs: of any dtype.
        place: the sample or time step that is asked about.
        dim: as for ``sources``.
        others: places to replace, all others by default; those after ``place`` for a causal model.
        training: ask in train mode.
    """
    first, second = (outputs for outputs, _ in two_passes(model, inputs, place, dim, others, training))
    return (first.select(dim, place) - second.select(dim, place)).abs().max().item()


def first_mixer(model: nn.Module, inputs: Tensor, place: int = 0, training: bool = False) -> str | None:
    """Name of the first module whose output for this sample depends on the other samples; look in and before it.

    Only modules that return one tensor of floating-point numbers with the samples first are compared. Take a number of
    samples that no other dimension has: else time first, as in some transformers, is taken for it.
    """
    (_, first), (_, second) = two_passes(model, inputs, place, 0, None, training)
    for (name, one), (_, other) in zip(first, second, strict=True):
        if (one[place] - other[place]).abs().max() > 1e-4 * one[place].abs().max() + 1e-6:
            return name or "the model itself"
    return None


Seen = list[tuple[str, Tensor]]


def two_passes(
    model: nn.Module, inputs: Tensor, place: int, dim: int, others: Collection[int] | None, training: bool
) -> list[tuple[Tensor, Seen]]:
    """Outputs of the model and of its modules, for the inputs and with copies of ``place`` in the other places."""
    where = [i for i in range(inputs.shape[dim]) if i != place] if others is None else list(others)
    same = inputs.clone()
    same.movedim(dim, 0)[where] = inputs.select(dim, place)
    passes = []
    for x in (inputs, same):
        own, seen = asked(model, training), Seen()

        def keep(module: nn.Module, args: object, output: object, name: str, seen: Seen = seen) -> None:
            if isinstance(output, Tensor) and output.is_floating_point() and output.shape[:1] == inputs.shape[:1]:
                seen.append((name, output.detach().clone()))

        for name, module in own.named_modules():
            module.register_forward_hook(lambda m, args, out, name=name, keep=keep: keep(m, args, out, name))
        with torch.random.fork_rng(devices=cuda(inputs)), torch.no_grad():
            passes.append((own(x), seen))
    return passes


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def asked(model: nn.Module, training: bool) -> nn.Module:
    """A copy in this mode; in a model that is in train mode, modules that are frozen in eval mode stay so."""
    own = _copied(model)
    return own if training and model.training else own.train(training)


def cuda(x: Tensor) -> list[torch.device]:
    """Devices whose random numbers are to be kept, besides the CPU's."""
    return [x.device] if x.device.type == "cuda" else []


if __name__ == "__main__":

    class Mixing(nn.Module):
        """Its last reshape cuts across the samples: they are not the first dimension there."""

        def __init__(self) -> None:
            super().__init__()
            self.embed, self.last = nn.Linear(8, 4), nn.Linear(32, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x).transpose(0, 1)  # (time, samples, 4)
            return self.last(h.reshape(len(x), -1))

    torch.manual_seed(0)
    x = torch.randn(6, 8, 8)  # (samples, time, features)
    for name, model in {"sound": nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), "reshape": Mixing()}.items():
        change = change_by_others(model, x)
        print(f"{name}: output 0 depends on samples {sources(model, x)}, changes by {change:.1f}")
        print(f"  first module that mixes: {first_mixer(model, x)}")
