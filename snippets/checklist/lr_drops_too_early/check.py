"""Who lowers the learning rate, and why so early: call these after some epochs."""

import torch

LENGTHS = ("T_max", "total_iters", "total_steps", "step_size")


def epochs_against_batches(scheduler, epoch, epochs):
    """Ask whether a schedule written in epochs, no warm-up and no slow decay, is stepped at every batch."""
    calls = scheduler.last_epoch / (epoch + 1)
    ends = list(getattr(scheduler, "milestones", []))
    ends += [getattr(scheduler, name) for name in LENGTHS if hasattr(scheduler, name)]
    start = getattr(scheduler, "start_factor", getattr(scheduler, "factor", 1.0))
    if not ends or start < getattr(scheduler, "end_factor", 1.0):
        return None
    if hasattr(scheduler, "step_size"):
        drops = calls * epochs / scheduler.step_size
        if scheduler.gamma**drops > 1e-6:
            return None
    if calls > 1.5 and max(ends) <= epochs:
        return (
            f"scheduler.step() is called {calls:.0f} times in an epoch, and the schedule's "
            f"length is {max(ends)} calls: it was meant in epochs"
        )


def schedule_ahead_of_updates(scheduler, optimizer):
    """Compare the scheduler's counter with the updates that Adam has counted."""
    counts = [int(s["step"]) for s in optimizer.state.values() if "step" in s]
    # GradScaler may skip some updates at the start
    if counts and scheduler.last_epoch > 1.1 * max(counts) + 10:
        return (
            f"{scheduler.last_epoch} calls of scheduler.step() and {max(counts)} of "
            f"optimizer.step(): the schedule runs "
            f"{scheduler.last_epoch / max(counts):.1f} times too fast"
        )


def cosine_beyond_its_end(scheduler):
    """Ask whether CosineAnnealingLR, alone or within SequentialLR, was stepped more often than T_max."""
    for one in [scheduler, *getattr(scheduler, "_schedulers", [])]:
        end = getattr(one, "T_max", None)
        if end is not None and one.last_epoch > end:
            return (
                f"scheduler.step() was called {one.last_epoch} times and T_max is "
                f"{end}: the learning rate rises again from call {end} on"
            )


def another_hand_on_the_rate(scheduler, optimizer):
    """Compare the learning rate with what the scheduler's own formula gives."""
    formula = getattr(scheduler, "_get_closed_form_lr", None)
    if formula is None:
        return None
    # groups that were added later have no formula
    for group, meant in zip(optimizer.param_groups, formula(), strict=False):
        base = group["initial_lr"]
        if abs(group["lr"] - meant) > 0.01 * meant + 1e-6 * base:
            return (
                f"the scheduler alone would be at {meant:.3g}, and the group has "
                f"{group['lr']:.3g}: something else changes it"
            )


def plateau_of_a_rising_metric(scheduler, history):
    """Ask whether ReduceLROnPlateau waits for a fall, and its metric rises."""
    if not isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        return None
    tail = history[-3:]
    late = sum(tail) / len(tail)
    better = late - history[0] if scheduler.mode == "min" else history[0] - late
    if len(history) > 3 and better > 0.1 * abs(history[0]):
        return (
            f"the metric went from {history[0]:.3g} to {late:.3g}, and "
            f"mode={scheduler.mode!r} takes {scheduler.best:.3g} for the best: "
            "right only if this metric got worse"
        )


def plateau_of_single_batches(scheduler, epoch):
    """Ask whether ReduceLROnPlateau is called more than once in an epoch."""
    if not isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        return None
    calls = scheduler.last_epoch / (epoch + 1)
    if calls > 1.5:
        return (
            f"scheduler.step(metric) is called {calls:.0f} times in an epoch, and "
            f"patience={scheduler.patience} counts these calls, not epochs"
        )
