"""Read learning curves by rules: what training and validation loss say about the run, most urgent first.

Source: the check list of this guide; each rule compares with the whole fall of the training loss.
"""

import math
from collections.abc import Sequence
from statistics import fmean


def read_curves(train: Sequence[float], val: Sequence[float], guess: float = math.inf) -> dict[str, str]:
    """Name what two loss curves show. Smaller values must be better; the scale does not matter.

    Args:
        train: mean training loss of each epoch, in order, at least 10, in one unit with ``val``.
        val: validation loss after each of the same epochs.
        guess: loss of the best constant answer, log C for C classes of equal size.

    Returns:
        names of findings, each with a sentence; ``settled`` alone where no rule speaks.

    Raises:
        ValueError: for fewer than 10 epochs, or curves of different length.
    """
    if len(train) < 10 or len(train) != len(val):
        raise ValueError(f"two curves of the same length, at least 10, are needed; got {len(train)} and {len(val)}")
    if not all(map(math.isfinite, [*train, *val])):
        epoch = next(i for i, pair in enumerate(zip(train, val, strict=True)) if not all(map(math.isfinite, pair)))
        return {"not finite": f"the first loss that is not finite is that of epoch {epoch + 1}"}
    n = max(len(train) // 10, 1)  # a tenth: single epochs are noise
    t = [fmean(train[i : i + n]) for i in range(len(train) - n + 1)]
    v = [fmean(val[i : i + n]) for i in range(len(val) - n + 1)]
    fall = t[0] - min(t)
    if t[-1] > t[0] + 0.05 * abs(t[0]):
        return {"diverged": f"the training loss ends at {t[-1]:.3g}, above its start of {t[0]:.3g}"}
    if fall < 0.03 * abs(t[0]):
        return {"flat": f"the training loss stays between {min(t):.3g} and {max(t):.3g}"}
    if t[-1] > 0.95 * guess:
        return {"guessing": f"the training loss ends at {t[-1]:.3g}; an answer without inputs has {guess:.3g}"}
    found = {}
    if t[-1 - n] - t[-1] > 0.05 * fall:
        share = (t[-1 - n] - t[-1]) / fall
        found["still falling"] = f"the last tenth of training brought {share:.0%} of the whole fall"
    if v[-1] - min(v) > 0.1 * fall:
        found["validation rises"] = (
            f"the validation loss was {min(v):.3g} near epoch {v.index(min(v)) + 1}, and {v[-1]:.3g} last"
        )
    elif v[-1] - t[-1] > 0.2 * fall:
        found["gap"] = f"at the end the validation loss is {v[-1]:.3g}, the training loss {t[-1]:.3g}"
    if t[-1] - v[-1] > 0.05 * fall:
        found["validation below training"] = f"{v[-1]:.3g} against {t[-1]:.3g}: the two are not measured alike"
    jumps = [abs(b - (a + c) / 2) for a, b, c in zip(val, val[1:], val[2:], strict=False)][-max(3 * n, 5) :]
    if fmean(jumps) > 0.1 * fall:
        found["noisy"] = f"neighbouring validation losses differ by {fmean(jumps):.2g}, against a fall of {fall:.2g}"
    return found or {"settled": f"training {t[-1]:.3g} and validation {v[-1]:.3g} are flat and close together"}


if __name__ == "__main__":
    epochs = range(40)
    train = [2.3 * math.exp(-epoch / 8) for epoch in epochs]
    for name, val in {
        "close": [loss + 0.05 for loss in train],
        "apart": [max(loss, 0.7) for loss in train],
        "rising": [max(loss, 0.7) + 0.02 * max(0, epoch - 10) for epoch, loss in zip(epochs, train, strict=True)],
    }.items():
        print(f"{name}: {read_curves(train, val)}")
