"""What ``checkup`` says of a planted bug and of its cure; asked where the programs have run anyway."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn, optim

from snippets.diagnostics.checkup.use import checkup

# Programs that end with another model than the one that they train: there is no optimizer of it to hand over.
NOT_TRAINED = ("bn-train-eval-gap/averaged-weights", "forgot-eval/weights-not-loaded")
# What is true of a cured program, too: inputs are pixels from 0 to 240; labels are missing (NaN); four of five units
# are 0 for the batch; the training is over, and its last learning rate is near 0;
# there are 32 densities along a ray, and one target.
TRUE_OF_THE_CURE = {
    "output-range-wrong/relu-starts-dead": ["shapes"],
    "grad-nan-forward-finite/logarithm-of-zero": ["input scale"],
    "one-loss-drowns-the-others/missing-labels-counted": ["not finite"],
    "cannot-reproduce-paper/average-not-evaluated": ["dead units"],
    "cannot-reproduce-paper/epsilon-inside-the-root": ["dead units"],
    "which-schedule/plateau-of-a-noisy-metric": ["update too small"],
}
# Healthy programs that call their model or loss in another way than ``loss_fn(model(inputs), targets)``.
CALLED_OTHERWISE = {
    "amp-worse/positions-in-bfloat16",
    "batch-of-one-error/inference-in-train-mode",
    "ctc-only-blanks/blank-is-a-letter",
    "ctc-only-blanks/not-log-probabilities",
    "ctc-only-blanks/output-shorter-than-text",
    "ctc-only-blanks/still-in-the-blank-phase",
    "error-in-backward/two-losses-one-graph",
    "error-shape-mismatch/target-shape",
    "input-layout-scrambled/heads-merged-without-transpose",
    "input-layout-scrambled/logits-reshaped-for-loss",
    "loss-decreases-acc-not/metric-compares-all-with-all",
    "mask-wrong/cache-position",
    "mask-wrong/mask-inverted",
    "mask-wrong/no-causal-mask",
    "mask-wrong/padding-in-loss",
    "mask-wrong/target-not-shifted",
    "memory-grows/hidden-state-carried",
    "memory-grows/outputs-collected",
    "metric-learning-collapse/both-sides-trained",
    "metric-wrong-for-task/targets-repair-the-answer",
    "metric-learning-collapse/both-views-alike",
    "sequence-model-learns-little/state-lost-between-calls",
    "shape-broadcast-silent/column-against-row",
    "too-good-to-be-true/metric-on-padding",
    "transformer-diverges/embedding-too-large",
}


def called(name: str, names: dict[str, Any]) -> list[str] | None:
    """What checkup finds in a finished program; None where it has no model, loss and batch to call it with.

    Args:
        name: ``symptom/cause``.
        names: the program's variables.
    """
    wanted = [names.get(key) for key in ("model", "loss_fn", "inputs", "targets")]
    model, loss_fn, inputs, targets = wanted
    if not isinstance(model, nn.Module) or not callable(loss_fn) or inputs is None or targets is None:
        return None
    if any(t.is_meta for t in [*model.parameters(), inputs, targets] if isinstance(t, Tensor)):
        return None  # it holds no numbers
    optimizer = names.get("optimizer")
    is_one = isinstance(optimizer, optim.Optimizer) and name not in NOT_TRAINED
    found = checkup(model, loss_fn, (inputs, targets), optimizer if is_one else None)
    return list(dict.fromkeys(finding.name for finding in found))


def says(name: str, broken: dict[str, Any], fixed: dict[str, Any]) -> str:
    """What checkup finds in a planted bug, for the table; of the cure it says nothing that is not so.

    Raises:
        AssertionError: it raises a false alarm on the cure, or a list above is out of date.
    """
    cured, found = called(name, fixed), called(name, broken)
    if cured is None or found is None:  # there is no model, loss and batch to hand over
        assert name not in CALLED_OTHERWISE, f"{name} can't be handed to checkup: take it out of CALLED_OTHERWISE"
        return "not asked"
    if name in CALLED_OTHERWISE:
        assert "error" in cured, f"checkup runs on {name}: take it out of CALLED_OTHERWISE"
        return "called otherwise"
    assert cured == TRUE_OF_THE_CURE.get(name, []), f"checkup raises a false alarm on the cure: {cured}"
    return ", ".join(found)
