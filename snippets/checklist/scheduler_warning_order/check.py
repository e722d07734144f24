"""How scheduler and optimizer were called: ask after some steps. Updates are counted by Adam and its relatives only."""


def updates_of(optimizer):
    """Count the updates that an optimizer says it has made: those of the parameter with most; none for plain SGD."""
    steps = [
        int(state["step"]) for state in optimizer.state.values() if "step" in state
    ]
    return max(steps, default=None)


def first_value_that_was_skipped(optimizer, lrs):
    """Compare the learning rate of a run's first batch with the one that was set; silent on a warm-up."""
    initial = optimizer.param_groups[0].get("initial_lr")  # none with ReduceLROnPlateau
    if initial and lrs[0] >= max(lrs) and abs(lrs[0] - initial) > 1e-6 * initial:
        return f"the first update had learning rate {lrs[0]:.5f}, and {initial:.5f} was set: the scheduler was faster"


def updates_that_were_skipped(optimizer, scheduler):
    """Ask whether the scheduler is a few steps ahead of the updates."""
    updates, steps = updates_of(optimizer), getattr(scheduler, "last_epoch", 0)
    if updates and updates < steps < 1.5 * updates and scheduler.optimizer is optimizer:
        return f"{steps} steps of the scheduler, {updates} updates: {steps - updates} updates were skipped"


def scheduler_that_runs_ahead(optimizer, scheduler):
    """Ask whether the scheduler is called several times for each update."""
    updates, steps = updates_of(optimizer), getattr(scheduler, "last_epoch", 0)
    if updates and steps >= 1.5 * updates:
        return f"{steps} steps of the scheduler for {updates} updates: {steps / updates:.1f} each"


def step_that_was_replaced(optimizer):
    """Ask whether optimizer.step is another function than the one that the scheduler watches."""
    if "step" in vars(optimizer) and not hasattr(
        optimizer.step, "_wrapped_by_lr_sched"
    ):
        name = getattr(optimizer.step, "__name__", repr(optimizer.step))
        return f"optimizer.step is now {name}, which the scheduler does not watch"


def scheduler_that_serves_another(optimizer, scheduler):
    """Ask whether the scheduler sets the learning rate of the optimizer that is used, or of one that it wraps."""
    if scheduler.optimizer.param_groups[0] is not optimizer.param_groups[0]:
        here, there = optimizer.param_groups[0]["lr"], scheduler.get_last_lr()[0]
        return f"the scheduler sets the learning rate of another optimizer, to {there:.5f}; here it is {here:.5f}"
