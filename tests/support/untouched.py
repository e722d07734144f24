"""What a check could change of a program that it looks at, before and after: a check must change nothing."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader


def state(names: dict[str, Any]) -> dict[str, Any]:
    """All that a check could change: weights, buffers, gradients, modes, hooks, optimizers, settings, chance."""
    found = _of_all_of_torch()
    for name, value in _values(names):
        if isinstance(value, torch.nn.Module):
            found |= _of_a_module(name, value)
        elif isinstance(value, torch.optim.Optimizer):
            found[f"the state of {name}"] = copy.deepcopy(value.state_dict())
        elif isinstance(value, torch.Tensor):
            found[name] = value.detach().clone()
        elif isinstance(value, np.ndarray):
            found[name] = value.copy()
        elif isinstance(value, torch.Generator):
            found[name] = value.get_state()
        elif isinstance(value, DataLoader):
            own = [getattr(owner, "generator", None) for owner in (value, value.sampler)]
            found[f"the generators of {name}"] = [one.get_state() for one in own if one is not None]
    return found


def changes(before: dict[str, Any], names: dict[str, Any]) -> list[str]:
    """What of a state is no longer so, in words."""
    return [key for key, value in state(names).items() if not _same(value, before[key])]


def _values(names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each variable; of a list of networks, each network."""
    for name, value in names.items():
        if isinstance(value, list) and value and all(isinstance(one, torch.nn.Module) for one in value):
            yield from ((f"{name}[{number}]", one) for number, one in enumerate(value))
        else:
            yield name, value


def _of_all_of_torch() -> dict[str, Any]:
    """Random states, and what one line sets for the whole process."""
    everywhere = vars(torch.nn.modules.module)
    return {
        "torch's random state": torch.get_rng_state(),
        "numpy's random state": np.random.get_state()[1].copy(),  # type: ignore[index]
        "Python's random state": hash(random.getstate()),  # to compare 625 numbers one by one takes long
        "whether gradients are recorded": torch.is_grad_enabled(),
        "the default dtype": torch.get_default_dtype(),
        "whether algorithms are deterministic": torch.get_deterministic_debug_mode(),
        "whether anomalies are detected": torch.is_anomaly_enabled(),
        "the hooks of all modules": [len(v) for k, v in everywhere.items() if k.startswith("_global_") and v],
    }


def _of_a_module(name: str, module: torch.nn.Module) -> dict[str, Any]:
    """Its weights and buffers, their gradients and flags; modes, hooks and settings of all its parts."""
    hooks = [k for k in vars(module) if k.endswith("_hooks")]
    return {
        f"the weights of {name}": {key: _copy(value) for key, value in module.state_dict().items()},
        f"the gradients of {name}": [None if p.grad is None else p.grad.clone() for p in module.parameters()],
        f"what of {name} is trained": [p.requires_grad for p in module.parameters()],
        f"the mode of {name}": [m.training for m in module.modules()],
        f"the hooks of {name}": [len(vars(m)[k] or ()) for m in module.modules() for k in hooks],
        f"the settings of {name}": [_settings(m) for m in module.modules() if type(m).__module__.startswith("torch.")],
    }


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)


def _settings(layer: torch.nn.Module) -> dict[str, Any]:
    """Plain attributes of a layer, such as the momentum of a batch normalization."""
    plain = {key: value for key, value in vars(layer).items() if isinstance(value, bool | int | float | None)}
    return {key: value for key, value in plain.items() if key != "training"}


def _same(a: Any, b: Any) -> bool:
    """Whether two states are the same, bit by bit; NaN is the same as NaN."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) and a.is_meta:
        return a.dtype == b.dtype and a.shape == b.shape  # it holds no numbers
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        if a.dtype == b.dtype and a.layout == b.layout == torch.strided and torch.equal(a, b):
            return True  # most are, and to look for NaN takes five times as long
        if a.dtype != b.dtype or a.shape != b.shape or not torch.equal(a.isfinite(), b.isfinite()):
            return False
        return torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a is b or a == b)
