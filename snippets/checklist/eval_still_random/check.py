"""What is still random after model.eval(): call these with the model and a batch; each costs a forward pass or two."""

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

RANDOM = {
    "rand",
    "randn",
    "rand_like",
    "randn_like",
    "randint",
    "randperm",
    "normal",
    "normal_",
    "uniform_",
    "bernoulli",
    "multinomial",
    "poisson",
    "randint_like",
    "random_",
    "bernoulli_",
    "exponential_",
    "log_normal_",
    "gumbel_softmax",
}
DROPOUTS = nn.modules.dropout._DropoutNd


class Calls(TorchFunctionMode):
    """Records the functions that a forward pass in evaluation mode calls, and the modules that it goes through."""

    def __init__(self):
        super().__init__()
        self.functions, self.modules, self.inside = [], [], []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Record one call with its arguments and the module in whose forward it stands."""
        inside = self.inside[-1] if self.inside else None
        self.functions.append(
            (getattr(func, "__name__", ""), args, kwargs or {}, inside)
        )
        return func(*args, **(kwargs or {}))

    def enter(self, module, args):
        """Record that a module's forward begins."""
        self.modules.append(module)
        self.inside.append(module)

    def leave(self, module, args, output):
        """Record that it ends."""
        self.inside.pop()


def calls_in_eval_mode(model, inputs):
    """Record one forward pass; modes, buffers and random state are set back."""
    calls, modes = Calls(), [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    handles = [
        hooks.register_module_forward_pre_hook(calls.enter),
        hooks.register_module_forward_hook(calls.leave),
    ]
    try:
        with torch.no_grad(), torch.random.fork_rng():
            model.eval()
            with calls:
                model(inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
        for buffer, value in buffers:
            buffer.copy_(value)
    return calls


def layers_that_stay_in_train_mode(model):
    """Call eval() and look which layers did not follow; modes are set back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    still = [
        name or type(model).__name__
        for name, module in model.named_modules()
        if module.training
    ]
    for module, training in modes:
        module.training = training
    if still:
        return f"{len(still)} of {len(modes)} modules are in training mode after eval(): {', '.join(still[:3])}"


def dropout_called_as_function(model, inputs):
    """Look for functional dropout that is told to drop in evaluation mode."""
    for name, args, kwargs, inside in calls_in_eval_mode(model, inputs).functions:
        drops = kwargs.get("training", args[2] if len(args) > 2 else True)
        rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        if (
            "dropout" in name
            and drops
            and rate > 0
            and not isinstance(inside, DROPOUTS)
        ):
            return f"{type(inside).__name__}.forward calls {name} with training=True in evaluation mode"


def dropout_in_attention(model, inputs):
    """Look for attention that is told to drop in evaluation mode."""
    for name, args, kwargs, inside in calls_in_eval_mode(model, inputs).functions:
        rate = kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0)
        if name == "scaled_dot_product_attention" and rate > 0:
            return f"{type(inside).__name__}.forward calls {name} with dropout_p={rate} in evaluation mode"


def unregistered_dropout(model, inputs):
    """List dropout layers that run but are no part of the model, the same objects in two passes."""
    registered = set(model.modules())
    first, second = (calls_in_eval_mode(model, inputs).modules for _ in range(2))
    strange = [
        m
        for m in first
        if isinstance(m, DROPOUTS)
        and m not in registered
        and any(m is n for n in second)
    ]
    if strange:
        return f"{len(strange)} dropout layer(s) run that model.modules() does not know: eval() cannot reach them"


def dropout_made_in_forward(model, inputs):
    """List dropout layers that run and are new objects in each pass."""
    registered = set(model.modules())
    first, second = (calls_in_eval_mode(model, inputs).modules for _ in range(2))
    new = [
        m
        for m in first
        if isinstance(m, DROPOUTS)
        and m not in registered
        and all(m is not n for n in second)
    ]
    if new:
        return f"forward makes {len(new)} new dropout layer(s) in each pass: a new layer is in training mode"


def random_numbers_drawn(model, inputs):
    """Look for random numbers that forward draws in evaluation mode, other than from a generator of its own."""
    for name, _, kwargs, inside in calls_in_eval_mode(model, inputs).functions:
        if name in RANDOM and kwargs.get("generator") is None:
            return f"{type(inside).__name__}.forward calls {name} in evaluation mode"
