"""Why a loss falls slowly: what makes the steps shorter than they could be."""

import copy
import statistics

import torch


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def larger_steps_get_further(model, optimizer, loss_fn, x_train, y_train):
    """Go on for 50 steps at this learning rate and at ten times it, on the same batches; costs 100 steps on copies."""
    fell = []
    for factor in (1.0, 10.0):
        net, steps = copied(model, optimizer)
        for group in steps.param_groups:
            group["lr"] *= factor
        generator, seen = torch.Generator().manual_seed(0), []
        with torch.random.fork_rng(), torch.enable_grad():
            for _ in range(50):
                seen.append(loss_fn(net(x_train[:500]), y_train[:500]).item())
                batch = torch.randint(len(x_train), (64,), generator=generator)
                loss = loss_fn(net(x_train[batch]), y_train[batch])
                steps.zero_grad()
                loss.backward()
                steps.step()
        fell.append((seen[0] - statistics.fmean(seen[-5:])) / abs(seen[0]))
    if fell[0] < 0.05 and fell[1] > 0.15:
        return f"50 more steps change the loss by {-fell[0]:+.0%}; at ten times the learning rate, by {-fell[1]:+.0%}"


def scales_that_differ(x_train):
    """Compare the standard deviations of the features; of those with two values, the distance of the two."""
    x = x_train.flatten(1).float()
    low, high = x.amin(dim=0), x.amax(dim=0)
    two = ((x == low) | (x == high)).all(dim=0)
    spread = torch.where(two, high - low, x.std(dim=0))
    spread = spread[spread > 0]
    if not len(spread):
        return None
    largest, middle = spread.max().item(), spread.median().item()
    if largest > 30 * middle:
        return f"the widest feature has a standard deviation of {largest:.3g}, the median feature {middle:.2g}"


def learning_rate_that_is_gone(rates):
    """Count the steps whose learning rate was under a hundredth of the largest so far."""
    top, idle = 0.0, 0
    for rate in rates:
        top = max(top, rate)
        idle += rate < 0.01 * top
    if idle > 0.3 * len(rates):
        return f"in {idle} of {len(rates)} steps the learning rate was below 1% of its peak; now it is {rates[-1]:.1e}"


def loss_that_was_scaled(loss, loss_fn, outputs, targets):
    """Compare the loss on which backward() was called with what the loss function gives."""
    with torch.no_grad():
        share = (loss / loss_fn(outputs, targets)).item()
    if 0 < share < 0.5:
        return f"backward() was called on 1/{1 / share:.0f} of the loss"


def gradients_cut_to_a_fraction(model, norms):
    """Compare the norms that clip_grad_norm_() returned with the norm of what it left; call it before zero_grad()."""
    left = (
        torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None])
        .norm()
        .item()
    )
    usual = statistics.median(norms[-100:])
    if min(usual, norms[-1]) > 10 * left:
        return f"the gradient has a norm of {usual:.2g}, and clipping leaves {left:.2g} of it"
