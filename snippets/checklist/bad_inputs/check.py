"""Inputs that are no data: call these once on everything that training reads, after preprocessing."""

import random

import numpy as np
import torch


def inputs_that_are_constant(x_train):
    """Count the samples that have one value everywhere, or one in each channel of (N, C, H, W).

    Standardized feature by feature, a blank sample is not constant: hand those in before.
    """
    x = x_train.flatten(2) if x_train.dim() == 4 else x_train.flatten(1)
    blank = (x == x[..., :1]).flatten(1).all(dim=1)
    if x.shape[-1] > 1 and blank.any():
        rows = blank.nonzero().flatten().tolist()
        kind = "in each channel" if x.dim() == 3 else "in all places"
        return f"{len(rows)} of {len(x)} inputs have one value {kind}, such as rows {rows[:3]}"


def value_far_from_all_others(x_train):
    """Ask whether the lowest or highest value, of all or of one feature, is frequent and far away from the others."""
    x = x_train.flatten(1).double()
    for table, fewest in ((x.reshape(-1, 1), 2), (x, 10)):
        for sign in (1, -1):
            ordered = (sign * table).sort(dim=0).values
            count = (ordered == ordered[0]).sum(dim=0)
            nearest = ordered.gather(0, count.clamp(max=len(ordered) - 1)[None])[0]
            far = nearest - ordered[0] > 5 * (ordered[-1] - nearest)
            varied = (ordered.diff(dim=0) != 0).sum(dim=0) >= fewest
            for column in (far & varied & (count >= 10)).nonzero().flatten().tolist():
                value = sign * ordered[0, column]
                # a feature of one or two values is a constant or a switch, and holds no code
                if x[:, (x == value).any(dim=0)].unique().numel() > 2:
                    ends = sorted([sign * nearest[column], sign * ordered[-1, column]])
                    rest = f"[{ends[0]:.4g}, {ends[1]:.4g}]"
                    name = f" of feature {column}" if table is x else ""
                    return f"{value:.4g} occurs {count[column]} times; all other values{name} lie in {rest}"


def groups_of_different_size(x_train):
    """Ask whether samples fall into two groups whose largest values differ by more than ten times."""
    x = x_train.flatten(1).abs()
    x = x[x.amax(dim=1) > 0]
    size, order = x.amax(dim=1).double().sort()
    few = max(2, len(size) // 100)
    if len(size) <= 2 * few:
        return None
    step = size[1:] / size[:-1]
    step[: few - 1] = step[len(step) - few + 1 :] = 1.0
    largest, place = step.max(dim=0)
    below, above = x[order[: place + 1]], x[order[place + 1 :]]
    feature = above[0].argmax()
    if (
        largest > 10 and below[:, feature].unique().numel() > 1
    ):  # else a feature that is 0 in most samples
        low, high = f"{size[place]:.3g}", f"{size[place + 1]:.3g}"
        return f"{place + 1} inputs reach at most {low}, the other {len(step) - place} at least {high}"


def random_states():
    """Of torch, NumPy and Python."""
    return torch.get_rng_state(), np.random.get_state(), random.getstate()


def set_random_states(states):
    """Go back to states that random_states() returned."""
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


def brightness_that_wraps_round(augment, x_train, draws=4):
    """Send one even sample of each brightness through: brighter in must not be dark out. Costs 256 calls for a draw.

    `augment` gets a batch of one, from a tensor or an array, and draws from torch's, NumPy's or Python's random numbers.
    """
    sample = x_train[:1] * 0
    if "uint8" in str(sample.dtype):
        levels = list(range(256))
    else:
        low, high = float(x_train.min()), float(x_train.max())
        levels = np.linspace(low, high, 256).tolist()
    before = random_states()
    try:
        for seed in range(draws):
            with torch.random.fork_rng():
                for start in (torch.manual_seed, np.random.seed, random.seed):
                    start(seed)
                found, drawn = wraps_in_one_draw(augment, sample, levels)
            if found or not drawn:  # without random numbers all draws are alike
                return found
    finally:
        set_random_states(before)


def wraps_in_one_draw(augment, sample, levels):
    """What is found with the random numbers of this moment, the same at each level, and whether any was drawn."""
    states, out, drawn = random_states(), [], False
    for level in levels:
        set_random_states(states)
        result = torch.as_tensor(augment(sample + level)).double().flatten()
        out.append(result[len(result) // 2].item())
        now = random_states()
        drawn |= not torch.equal(now[0], states[0]) or now[2] != states[2]
        drawn |= now[1][2:] != states[1][2:] or (now[1][1] != states[1][1]).any()
    step = np.diff(out)
    large = np.abs(step) > np.ptp(out) / 2
    sign = np.sign(step[~large].sum())
    opposite = (step[large] * sign < 0).all() and (step[~large] * sign >= 0).all()
    if not (sign and large.any() and opposite):
        return None, drawn
    i = int(large.argmax())
    pairs = f"{levels[i]:.4g} becomes {out[i]:.3g}, and {levels[i + 1]:.4g} becomes {out[i + 1]:.3g}"
    return f"{pairs}: numbers wrap round", drawn
