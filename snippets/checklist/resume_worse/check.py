"""What a resumed run has lost: call these after loading, or some steps later."""


def names_that_do_not_match(model, checkpoint):
    """Compare the names of the model's parameters with those in the file."""
    saved = checkpoint["model"]
    wanted = [name for name, _ in model.named_parameters()]
    missing = [name for name in wanted if name not in saved]
    if missing:
        return (
            f"{len(missing)} of {len(wanted)} parameters are not in the file, so they stay as "
            f"built: the model says {missing[0]!r}, the file {next(iter(saved), '')!r}"
        )


def optimizer_that_starts_anew(optimizer, step):
    """Compare the updates that Adam or a relative has counted with those of the run."""
    counts = [int(s["step"]) for s in optimizer.state.values() if "step" in s]
    if counts and max(counts) < 0.9 * step:
        return f"the optimizer has counted {max(counts)} updates, and the run {step}"
    stateful = any(
        g.get("momentum", 1) for g in optimizer.param_groups
    )  # plain SGD is not
    if stateful and not counts and not any(optimizer.state.values()):
        return f"the optimizer remembers nothing after {step} steps"


def state_of_other_parameters(model, optimizer, checkpoint):
    """Compare the order of the parameters in the file with the model's: an optimizer's state goes by position.

    For an optimizer that got model.parameters(), or groups that keep the order of the model.
    """
    names = {p: name for name, p in model.named_parameters()}
    groups = optimizer.param_groups
    now = [names[p] for group in groups for p in group["params"] if p in names]
    held = set(now)
    saved = [name for name in checkpoint["model"] if name in held]
    in_model = [name for name in names.values() if name in held]
    if now != in_model or len(saved) != len(now):
        return None  # groups in an order of their own, or other names
    other = [pair for pair in zip(saved, now, strict=True) if pair[0] != pair[1]]
    if other and optimizer.state:
        was, is_now = other[0]
        return f"{len(other)} of {len(now)} parameters have the state of another: {is_now} that of {was}"


def schedule_that_starts_anew(scheduler, step, saved_lr=None):
    """Compare the scheduler's counter with that of the run, and the learning rate with that at the time of saving.

    Give the number of the epoch as step if you call scheduler.step() once per epoch. Right after loading, give
    checkpoint["optimizer"]["param_groups"][0]["lr"] as saved_lr: a counter set by hand does not set the learning rate.
    """
    lr = float(scheduler.optimizer.param_groups[0]["lr"])
    if saved_lr is not None and abs(lr - saved_lr) > 0.01 * saved_lr:
        return f"the learning rate was {saved_lr:.3g} when the file was saved, and is {lr:.3g} now"
    if scheduler.last_epoch < 0.9 * step:
        now = scheduler.get_last_lr()[0]
        return (
            f"the scheduler has counted {scheduler.last_epoch} steps, and the run "
            f"{step}; its learning rate now is {now:.3g}"
        )


def buffers_left_behind(model, checkpoint):
    """Ask whether the file holds all parameters and lacks buffers."""
    saved = checkpoint["model"]
    if any(name not in saved for name, _ in model.named_parameters()):
        return None  # then it is the names
    missing = [
        name
        for name, _ in model.named_buffers()
        if name in model.state_dict() and name not in saved
    ]
    if missing:
        return f"{len(missing)} buffers are not in the file: {', '.join(missing[:3])}"


def average_that_starts_anew(step, ema=None):
    """Compare the updates that torch's AveragedModel has counted with those it should have by this step.

    Give their number as step if the average is not updated at each step, or began later.
    """
    count = step if ema is None else int(ema.n_averaged)
    if count < 0.9 * step:
        return f"the average has counted {count} updates, and the run {step}"
