"""What is frozen and what is trained: call these around a step; `trained` are the names that you mean to train."""

from torch import nn


def names_that_should_train(model, trained):
    """List parameters that you mean to train and that get no gradient."""
    weights = dict(model.named_parameters())
    wrong = [
        name for name in trained if name in weights and not weights[name].requires_grad
    ]
    if wrong:
        return f"{len(wrong)} of {len(trained)} tensors to be trained have requires_grad=False: {', '.join(wrong[:3])}"


def attributes_without_effect(model):
    """Look for requires_grad set on a module, or misspelt on a parameter; Python accepts both."""
    found = [
        f"{name}.requires_grad"
        for name, module in model.named_modules()
        if "requires_grad" in vars(module)
    ]
    for name, weight in model.named_parameters():
        found += [f"{name}.{key}" for key in vars(weight) if key.startswith("require")]
    if found:
        return f"an attribute that PyTorch never reads: {', '.join(found[:3])}"


def trained_but_not_in_optimizer(model, optimizer):
    """List parameters that get a gradient and that the optimizer does not hold."""
    held = {
        id(weight) for group in optimizer.param_groups for weight in group["params"]
    }
    missing = [
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and id(weight) not in held
    ]
    if missing:
        return f"{len(missing)} parameters want a gradient and are not in the optimizer: {', '.join(missing[:3])}"


def statistics_that_will_move(model):
    """List batch normalizations without trained parameters that update their running statistics."""
    kind = nn.modules.batchnorm._BatchNorm
    moving = {
        k: m
        for k, m in model.named_modules()
        if isinstance(m, kind) and m.track_running_stats and m.training
    }
    found = [
        name
        for name, m in moving.items()
        if not any(weight.requires_grad for weight in m.parameters())
    ]
    if found:
        return f"{len(found)} frozen batch normalization(s) in training mode: {', '.join(found[:3])}"


def zero_gradients_that_move(model, optimizer):
    """List parameters whose gradient is zero, not None, and that weight decay or momentum moves all the same."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    found = []
    for group in optimizer.param_groups:
        for weight in group["params"]:
            state = optimizer.state.get(weight, {})
            running = [state.get(key) for key in ("momentum_buffer", "exp_avg")]
            momentum = any(value is not None and value.any() for value in running)
            decay = group.get("weight_decay", 0) > 0
            if (
                weight.grad is not None
                and not weight.grad.any()
                and (decay or momentum)
            ):
                found.append(
                    f"{names.get(id(weight))} by {'weight decay' if decay else 'momentum'}"
                )
    if found:
        return f"{len(found)} parameters have a gradient of zero and move: {', '.join(found[:2])}"
