"""Whether training could have gone on: call these after it ended."""

import itertools
import statistics


def loss_still_falling(losses, optimizer):
    """Compare the fall of the training loss in the last tenth with the whole fall."""
    n = max(len(losses) // 20, 1)
    if len(losses) < 4 * n or any(g["lr"] == 0 for g in optimizer.param_groups):
        return None
    before, last = (
        statistics.fmean(losses[-3 * n : -2 * n]),
        statistics.fmean(losses[-n:]),
    )
    whole = statistics.fmean(losses[:n]) - last
    noise = statistics.stdev(b - a for a, b in itertools.pairwise(losses)) / n**0.5
    if before - last > max(3 * noise, 0.03 * whole) and whole > 0:
        return (
            f"in the last tenth of training the loss fell from {before:.2f} to {last:.2f}, "
            f"{(before - last) / whole:.0%} of the whole fall: it has not arrived"
        )


def patience_within_the_noise(history, patience):
    """Compare the noise of the validation loss with its fall within the patience, at the end of it."""
    n = min(len(history) // 4, max(6, 2 * patience))
    if n < 2 or len(history) - 1 - history.index(min(history)) < patience:
        return None  # patience did not end it
    late = history[-2 * n :]
    bends = [b - (a + c) / 2 for a, b, c in zip(late, late[1:], late[2:], strict=False)]
    noise = statistics.stdev(bends) / 1.5**0.5
    before, after = statistics.fmean(late[:n]), statistics.fmean(late[n:])
    fall = (before - after) / n
    half = (n + 1) // 2
    to_the_end = statistics.fmean(late[-2 * half : -half]) - statistics.fmean(
        late[-half:]
    )
    if (
        to_the_end > noise
        and before - after > 2 * noise
        and fall * patience < 2 * noise
    ):
        return (
            f"the loss still falls by {fall:.3f} per validation with a noise of {noise:.3f}; "
            f"patience={patience} ends it by chance: {round(2 * noise / fall) + 1} would hardly"
        )


def best_value_is_the_first(history, best):
    """Ask whether the value that was kept as best is that from which the metric left."""
    if len(history) < 4:
        return None
    start, late = history[0], statistics.fmean(history[-3:])
    if abs(best - start) < 0.1 * abs(late - start):
        return (
            f"the metric went from {start:.3g} to {late:.3g}, and the best is still "
            f"{best:.3g}: if {late:.3g} is better, the comparison has the wrong direction"
        )


def learning_rate_gone(optimizer, losses):
    """Ask whether the learning rate vanished while the loss stood still."""
    groups = [g for g in optimizer.param_groups if g.get("initial_lr", g["lr"]) > 0]
    n = len(losses) // 4
    if not groups or not n:
        return None
    share = max(g["lr"] / g.get("initial_lr", g["lr"]) for g in groups)
    last = statistics.fmean(losses[-n:])
    before = statistics.fmean(losses[-2 * n : -n])
    if share < 1e-3 and before - last < 0.02 * abs(before):
        return (
            f"the learning rate is {share:.0e} of its first value, and the loss stood still at {last:.2f} "
            "in the last quarter: if that is high, training ended before the loop did"
        )
