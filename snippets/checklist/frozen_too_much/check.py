"""What is frozen and what is trained: call these around a step; `trained` are the names that you mean to train."""

from torch import nn


def names_that_should_train(model, trained):
    """List parameters that you mean to train and that have requires_grad=False, tied ones under each name."""
    weights = dict(model.named_parameters(remove_duplicate=False))
    wrong = [
        name for name in trained if name in weights and not weights[name].requires_grad
    ]
    if wrong:
        return f"{len(wrong)} of {len(trained)} tensors to be trained have requires_grad=False: {', '.join(wrong[:3])}"


def attributes_without_effect(model):
    """Look for requires_grad set on a module, or misspelt, where the parameters' flags say the contrary."""
    found = []
    for name, owner in [*model.named_modules(), *model.named_parameters()]:
        weights = owner.parameters() if isinstance(owner, nn.Module) else [owner]
        trains = any(weight.requires_grad for weight in weights)
        found += [
            f"{name}.{key}"
            for key, value in vars(owner).items()
            if key.startswith("require") and value in (True, False) and value != trains
        ]
    if found:
        return f"an attribute that PyTorch never reads: {', '.join(found[:3])}"


def trained_but_not_in_optimizer(model, optimizer):
    """List parameters that have a gradient and that the optimizer, or none of a list of them, holds: after backward."""
    held = {
        id(weight)
        for one in (optimizer if isinstance(optimizer, list) else [optimizer])
        for group in one.param_groups
        for weight in group["params"]
    }
    missing = [
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and weight.grad is not None and id(weight) not in held
    ]
    if missing:
        return f"{len(missing)} parameters have a gradient and are not in the optimizer: {', '.join(missing[:3])}"


def statistics_that_will_move(model):
    """List batch and instance normalizations in frozen parts that update their running statistics."""
    kind, found = nn.modules.batchnorm._NormBase, []
    for name, module in model.named_modules():
        if isinstance(module, kind) and module.track_running_stats and module.training:
            around = (
                name  # without parameters of its own: the innermost part that has some
            )
            while around and not list(model.get_submodule(around).parameters()):
                around = around.rpartition(".")[0]
            weights = model.get_submodule(around).parameters()
            if not any(weight.requires_grad for weight in weights):
                found.append(name)
    if found:
        return f"{len(found)} frozen batch normalization(s) in training mode: {', '.join(found[:3])}"


def zero_gradients_that_move(model, optimizer):
    """List tensors whose gradient is all zeros, not None, and that decay or momentum moves: from the second step on."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    if not any(w.grad is not None and w.grad.any() for w in model.parameters()):
        return None  # all of them were set to zero for the next step
    found = []
    for group in optimizer.param_groups:
        for weight in group["params"]:
            state = optimizer.state.get(weight, {})
            running = [state.get(key) for key in ("momentum_buffer", "exp_avg")]
            momentum = any(value is not None and value.any() for value in running)
            decay = group.get("weight_decay", 0) > 0 and weight.any()
            first = (
                state.get("step", 2) < 2
            )  # a branch that starts at zero is not frozen
            if (
                weight.grad is not None
                and group["lr"] > 0
                and not first
                and not weight.grad.any()
                and (decay or momentum)
            ):
                found.append(
                    f"{names.get(id(weight))} by {'weight decay' if decay else 'momentum'}"
                )
    if found:
        return f"{len(found)} parameters have a gradient of zero and move: {', '.join(found[:2])}"
