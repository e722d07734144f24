"""Why a forecast repeats the last value: call these with windows (samples, time) or (samples, time, columns)."""

import torch


def no_better_than_the_last_value(model, x_test, y_test, column=0):
    """Compare the forecast with the last value of its window; `column` is the one of the target, in the same units."""
    outputs, targets = in_eval_mode(model, x_test), y_test
    if targets.dim() == 3 and targets.shape == outputs.shape and targets.shape[2] > 1:
        outputs, targets = outputs[..., column], targets[..., column]
    outputs, targets = (data.reshape(len(x_test), -1) for data in (outputs, targets))
    last = (x_test if x_test.dim() == 2 else x_test[..., column])[:, -1:]
    if outputs.shape != targets.shape:
        return None
    error, repeat, distance = (
        rms(outputs - targets),
        rms(last - targets),
        rms(outputs - last),
    )
    r2 = 1 - (error / rms(targets - targets.mean())) ** 2
    if error > 0.95 * repeat > 0 and distance < 0.8 * error:
        return (
            f"the error is {error:.3g}, that of repeating the last value {repeat:.3g} (R² {r2:.3f}): "
            f"the forecast is nearer to the last value ({distance:.3g}) than to the next"
        )


def target_inside_the_window(inputs, targets):
    """Look for a place of the window that holds the target itself in every sample, up to scale and offset."""
    x = (inputs if inputs.dim() == 3 else inputs[..., None]).cpu().double()
    y, time, found = targets.reshape(len(x), -1).cpu().double(), x.shape[1], []
    for column in range(x.shape[2]):
        step = rms(x[..., column].diff(dim=1))
        for place in range(time):
            value = x[:, place, column]
            moved = (value - x[:, place - 1, column]).abs() > 1e-6 * step
            if moved.sum() >= 10 and unexplained(value, y[:, -1]) < 1e-3 * step:
                found.append((column, place))
    if len(found) != 1:  # a straight line fits at every place, a short cycle at several
        return None
    column, place = found[0]
    period = time - 1 + y.shape[1] - place
    if period < time and repeats_itself(x[..., column], period):
        return None
    back = time - 1 - place
    where = f"{back} before the last value" if back else "the last value"
    cycle = f" (or the series repeats exactly every {period} steps)"
    return (
        f"the target of all {len(y)} samples is in the window, as {where} of column {column}"
        + (cycle if period >= time else "")
    )


def newest_value_left_out(x_test, y_test, horizon=1):
    """Ask how many steps a target lies after its window; for overlapping windows in the order of time, not shuffled."""
    x = (x_test if x_test.dim() == 3 else x_test[..., None]).cpu().double()
    y = y_test.reshape(len(x), -1)[:, 0].cpu().double()
    found = [steps_ahead(x[..., column], y) for column in range(x.shape[2])]
    ahead = min((steps for steps in found if steps), default=horizon)
    if ahead > horizon:
        return f"the target lies {ahead} steps after the last value of its window, not {horizon}"


def steps_ahead(x, y):
    """Look for the target in later windows of its column; its distance from the last value, or None."""
    time, step = x.shape[1], rms(x.diff(dim=1))
    strides = [s for s in range(1, time) if rms(x[:-1, s:] - x[1:, :-s]) < 1e-3 * step]
    for ahead in range(1, 2 * time if strides else 1):
        later = -(-ahead // strides[0])
        value = x[later:, time - 1 + ahead - later * strides[0]]
        if len(value) > 10 and unexplained(value, y[:-later]) < 1e-3 * step:
            return ahead


def lost_by_feeding_back(model, x_train, y_train, x_test, y_test, forecast=None):
    """Compare all steps of `forecast` (windows → steps; without it, the model) with linear regressions to each step.

    `y_train` and `y_test` hold all steps of the horizon.
    """
    x, y, new_x, new_y = (
        data.flatten(1).cpu().double() for data in (x_train, y_train, x_test, y_test)
    )
    steps = in_eval_mode(model, x_test, forecast).flatten(1).cpu().double()
    if steps.shape != new_y.shape or y.shape[1] < 2:
        return None
    x, new_x = (torch.cat([data, torch.ones(len(data), 1)], 1) for data in (x, new_x))
    straight = new_x @ torch.linalg.lstsq(x, y, driver="gelsd").solution
    first, last = (
        rms((steps - new_y)[:, i]) / max(rms((straight - new_y)[:, i]), 1e-12)
        for i in (0, -1)
    )
    if first < 1.1 and last > 1.3:
        return (
            f"against a linear regression straight to that step, the error is {first:.2f} times as large at "
            f"step 1 and {last:.2f} times at step {y.shape[1]}: if outputs are fed back, that is the place"
        )


def rms(x):
    """Give the root of the mean square."""
    return x.cpu().double().square().mean().sqrt().item()


def unexplained(value, y):
    """Give what is left of `value` after a rising straight line in `y`."""
    centred, value = y - y.mean(), value - value.mean()
    slope = ((centred @ value) / (centred @ centred).clamp(min=1e-30)).clamp(min=0)
    return rms(value - slope * centred)


def repeats_itself(x, period):
    """Tell whether all windows repeat themselves after `period` steps."""
    return rms(x[:, period:] - x[:, :-period]) < 1e-3 * rms(x.diff(dim=1))


def in_eval_mode(model, x, function=None):
    """Run the model, or a function that calls it, in evaluation mode; every module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng():
            outputs = (function or model)(x)
    finally:
        for module, training in modes:
            module.training = training
    return outputs[0] if isinstance(outputs, tuple) else outputs
