"""Evaluate in eval mode and come back to the modes as they were; ask what a model still does at random in eval mode.

Source: the documentation of torch.nn.Module.train and torch.nn.Module.eval.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Eval mode and no gradients inside; afterwards each module has the mode that it had, also after an error.

    ``model.train()`` at the end of an evaluation would put frozen layers into train mode, too; this does not.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for module, training in modes:
            module.training = training


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def mode_findings(model: nn.Module, inputs: Tensor) -> list[str]:
    """What eval() does not switch off. It works on a copy: modes, buffers and random numbers stay as they are.

    Args:
        model: in any mode; it takes ``inputs`` and may return tensors in tuples, lists or dictionaries.
        inputs: one batch of at least two samples, on the model's device.

    Returns:
        one sentence for each finding; empty where evaluation is what it should be.
    """
    model = _copied(model).eval()
    found = [f"{name or 'model'} is in train mode after eval()" for name, m in model.named_modules() if m.training]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    passes: list[list[tuple[str, list[Tensor]]]] = []
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        for _ in range(2):
            seen: list[tuple[str, list[Tensor]]] = []
            hooks = [
                module.register_forward_hook(lambda _, args, out, name=name, to=seen: to.append((name, tensors(out))))
                for name, module in model.named_modules()
            ]
            model(inputs.clone())  # it may change its input
            for hook in hooks:
                hook.remove()
            passes.append(seen)
    for (name, first), (_, second) in zip(*passes, strict=False):  # inner modules end before outer ones
        if any(not close(a, b) for a, b in zip(first, second, strict=True)):
            found.append(f"two passes differ from the output of {name or 'the model'!r} on: it is random in eval mode")
            break
    changed = [name for name, b in model.named_buffers() if name in buffers and not same(b, buffers[name])]
    if changed:
        found.append(f"a pass in eval mode changes buffers: {', '.join(changed)}")
    return found


def tensors(output: object) -> list[Tensor]:
    """All tensors in a module's output, those with numbers in them as copies."""
    if isinstance(output, Tensor):
        return [output.detach().clone()]
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else []
    return [tensor for part in parts for tensor in tensors(part)]


def same(a: Tensor, b: Tensor) -> bool:
    """Equal to the last bit; NaN equals NaN."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def close(a: Tensor, b: Tensor) -> bool:
    """Equal up to rounding, which on a GPU may differ from pass to pass; NaN equals NaN."""
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-3, atol=1e-5, equal_nan=True)


if __name__ == "__main__":

    class Net(nn.Module):
        """A dropout that eval() switches off, and a functional one that it cannot reach."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.drop, self.last = nn.Linear(20, 32), nn.Dropout(0.5), nn.Linear(32, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(nn.functional.dropout(self.drop(self.first(x)), 0.1))

    torch.manual_seed(0)
    x = torch.randn(64, 20)
    for finding in mode_findings(Net(), x):
        print(finding)
    model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 5))
    model[1].eval()  # frozen statistics
    print("findings in a sound model:", mode_findings(model, x))
    with evaluating(model):
        print("inside:", [module.training for module in model])
    print("after: ", [module.training for module in model])
