"""Inputs that are no data: call these once on everything that training reads, after preprocessing."""


def inputs_that_are_constant(x_train):
    """Count the samples that have one value everywhere."""
    x = x_train.flatten(1)
    blank = (x == x[:, :1]).all(dim=1)
    if blank.any():
        rows = blank.nonzero().flatten().tolist()
        return f"{len(rows)} of {len(x)} inputs have one value in all places, such as rows {rows[:3]}"


def value_far_from_all_others(x_train):
    """Ask whether the lowest or highest value is frequent, and far away from all other values."""
    values, counts = x_train.flatten().unique(return_counts=True)
    if len(values) < 3:
        return None
    for end, others in ((0, values[1:]), (-1, values[:-1])):
        gap = (values[end] - others[end]).abs()
        if counts[end] >= 10 and gap > 5 * (others[-1] - others[0]):
            rest = f"[{others[0]:.4g}, {others[-1]:.4g}]"
            return f"{values[end]:.4g} occurs {counts[end]} times; all other values lie in {rest}"


def groups_of_different_size(x_train):
    """Ask whether samples fall into two groups whose largest values differ by more than ten times."""
    size = x_train.flatten(1).abs().amax(dim=1)
    size = size[size > 0].sort().values
    few = len(size) // 20
    step = size[1:] / size[:-1]
    step[:few] = step[len(step) - few :] = 1.0
    largest, place = step.max(dim=0)
    if largest > 10:
        low, high = f"{size[place]:.3g}", f"{size[place + 1]:.3g}"
        return f"{place + 1} inputs reach at most {low}, the other {len(step) - place} at least {high}"
