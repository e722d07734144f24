"""Every optimizer of the guide, found by its file, and where all of them begin; nothing here names one."""

from collections.abc import Callable
from types import ModuleType

import torch

from tests.support.discovery import modules

Make = Callable[..., torch.optim.Optimizer]


def classes_of(module: ModuleType) -> list[type]:
    """The optimizers that a module itself defines."""
    found = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, torch.optim.Optimizer)]
    return [c for c in found if c.__module__ == module.__name__]


def discover() -> dict[str, tuple[Make, Callable | None]]:
    """``<id_>/<role>`` -> how to make it, and whose signature lists its hyperparameters (None: nobody's)."""
    found: dict[str, tuple[Make, Callable | None]] = {}
    for name, module in MODULES.items():
        classes = classes_of(module)
        if hasattr(module, "make_optimizer"):
            found[name] = (module.make_optimizer, classes[0] if len(classes) == 1 else None)
        elif len(classes) == 1:
            found[name] = (classes[0], classes[0])
    return found


MODULES = modules("optimizers")
FOUND = discover()
ROLES = ("use", "from_scratch")
FROM_SCRATCH = sorted(name.partition("/")[0] for name in FOUND if name.endswith("/from_scratch"))

# Values that every optimizer refuses that has an argument of this name.
BAD: dict[str, list] = {
    "lr": [-0.1],
    "weight_decay": [-0.1],
    "eps": [-1e-8, (-1.0, 1e-3)],
    "momentum": [-0.1],
    "betas": [(-0.1, 0.999), (1.0, 0.999), (0.9, -0.1), (0.9, 1.0)],
    "rho": [-0.1],
    "alpha": [-0.1],
    "lr_decay": [-0.1],
    "initial_accumulator_value": [-0.1],
    "etas": [(0.0, 1.2), (1.5, 1.2), (0.5, 0.9)],
    "beta2_decay": [0.5],
    "d": [0.5],
    "momentum_decay": [-1.0],
    "adjust_lr_fn": ["spectral"],
    "trust_coefficient": [-1.0],
    "k": [0],
    "d0": [0.0],
    "warmup_steps": [-1],
    "refresh": [0],
    "max_dim": [0],
}


# What an optimizer refuses, by an error that names it. All others must take it: an optimizer that loses a kind of input
# fails, and so does one that learns to take it and still stands here.
SPARSE_ADAM, LBFGS = {"sparse_adam/use", "sparse_adam/from_scratch"}, {"lbfgs/use", "lbfgs/from_scratch"}
REFUSES: dict[str, set[str]] = {
    "dense gradients": SPARSE_ADAM,
    "parameter groups": LBFGS,
    "steps without closure": {*LBFGS, "sam/use"},
    "weight decay": {*LBFGS, *SPARSE_ADAM, "gradient_descent/from_scratch", "rprop/use", "rprop/from_scratch"},
    "sparse gradients": set(FOUND)
    - {f"{name}/{role}" for name in ("gradient_descent", "momentum", "nesterov_momentum", "sgd") for role in ROLES}
    - {*LBFGS, *SPARSE_ADAM, "adagrad/use"},
    "complex parameters": {
        *SPARSE_ADAM,
        *(f"{name}/{role}" for name in ("adafactor", "muon") for role in ROLES),
        *(
            f"{name}/use"
            for name in ("adabelief", "adopt", "lamb", "lion", "prodigy", "schedule_free", "shampoo", "soap")
        ),
        "lbfgs/from_scratch",
    },
    "float16": {"lbfgs/from_scratch", "prodigy/use", "shampoo/use", "soap/use"},
    "bfloat16": {"lbfgs/from_scratch", "shampoo/use", "soap/use"},
}


def refuses(name: str, what: str) -> bool:
    return name in REFUSES[what]


def start(dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    """Two matrices, the same at each call; some optimizers (Muon) take nothing else."""
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(1 + torch.rand(4, 3, dtype=dtype, generator=generator)) for _ in range(2)]
