"""One call that looks a model over: batch, loss, gradients, updates, units, modes; it prints what to act on first.

Source: the checks of this guide's check list, each with its page; nothing in it is newer than torch 2.9.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

LOGIT_LOSSES = ("CrossEntropyLoss", "cross_entropy", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
BOUNDED = {nn.Sigmoid: (0.0, 1.0), nn.Tanh: (-1.0, 1.0), nn.Softmax: (0.0, 1.0), nn.ReLU: (0.0, math.inf)}


@dataclass(frozen=True)
class Finding:
    """Something to act on.

    Args:
        name: what was found, in a word or two, for programs.
        says: the finding as a sentence, with its number.
        page: the page of the guide that leads on.
    """

    name: str
    says: str
    page: str


@dataclass
class Probe:
    """All that was seen of one training step on a copy of the model; ``outputs`` is None where it is no tensor."""

    model: nn.Module
    loss_fn: Any
    inputs: Any
    targets: Any
    outputs: Tensor | None = None
    error: str = ""  # what model, loss or backward pass raised
    loss: float = math.nan
    has_gradient: bool = True
    again: Tensor | None = None  # outputs of a second pass in eval mode
    evaluated: Tensor | None = None  # outputs in eval mode
    eval_loss: float = math.nan
    alone: float = 0.0  # change of the other samples' outputs when one sample was changed, in eval mode
    names: dict[int, str] = field(default_factory=dict)
    gradients: dict[str, Tensor | None] = field(default_factory=dict)
    before: dict[str, Tensor] = field(default_factory=dict)
    after: dict[str, Tensor] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)  # no gradient yet, but after a few more steps
    activations: dict[str, tuple[nn.Module, Tensor]] = field(default_factory=dict)
    held: set[str] | None = None  # parameters that the optimizer holds
    rate: float = 0.0  # its largest learning rate
    strangers: int = 0  # parameters that it holds and that are not the model's


def checkup(
    model: nn.Module,
    loss_fn: Callable[[Any, Any], Tensor],
    batch: tuple[Any, Any],
    optimizer: torch.optim.Optimizer | None = None,
) -> list[Finding]:
    """Look a model over before its first step, or at any later one; print the findings in the order in which to act.

    Works on a copy: model, optimizer, gradients, modes, hooks and torch's random state stay as they are. Costs four
    forward passes and one training step (up to three more where a gradient is 0), and memory for about four times the
    weights, the optimizer's state and what each layer puts out.

    Args:
        model: takes ``inputs`` as its argument; a tuple as several, a dictionary as keywords.
        loss_fn: takes outputs and targets, returns a number to minimize.
        batch: ``(inputs, targets)``, the first axis counting samples.
        optimizer: the one that will train the model; without it updates are not looked at.

    Returns:
        The findings, most urgent first; empty where nothing was found.
    """
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)), torch.enable_grad(), _gradients_kept(model, batch):
        probe = _look(model, loss_fn, batch, optimizer)
        checks = (batch_values, raised) if probe.error else CHECKS
        with torch.no_grad():
            findings = [finding for check in checks for finding in check(probe)]
    for finding in findings:
        print(f"{finding.name}: {finding.says} -> {finding.page}")
    if not findings:
        print("checkup: nothing found")
    return findings


@contextlib.contextmanager
def _gradients_kept(model: nn.Module, batch: tuple[Any, Any]) -> Iterator[None]:
    """A loss may use the model itself, as a penalty on its weights does; its gradients stay as they are, too."""
    kept = [(t, t.grad) for t in [*model.parameters(), *batch] if isinstance(t, Tensor) and t.is_leaf]
    for tensor, _ in kept:
        tensor.grad = None  # else the old one would be added to
    try:
        yield
    finally:
        for tensor, gradient in kept:
            tensor.grad = gradient


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple | list) else model(inputs)


def _copied(model: nn.Module, *others: Any) -> tuple[Any, ...]:
    """Copy them together; results of a pass that the model keeps, which ``deepcopy`` refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if isinstance(v, Tensor) and not v.is_leaf]
    return copy.deepcopy((model, *others), {id(v): v.detach().clone() for v in results})


def _look(model: nn.Module, loss_fn: Any, batch: tuple[Any, Any], optimizer: torch.optim.Optimizer | None) -> Probe:
    """Take one step with a copy of model and optimizer, and keep what was seen on the way."""
    own, own_optimizer, loss_fn = _copied(model, optimizer, loss_fn)
    inputs, targets = batch
    probe = Probe(own, loss_fn, inputs, targets)
    probe.names = {id(p): name for name, p in own.named_parameters()}
    probe.before = {name: p.detach().clone() for name, p in own.named_parameters()}
    _look_in_eval_mode(probe, loss_fn)
    if not own.training:  # else a module that was frozen in eval mode stays so
        own.train()
    own.zero_grad()
    handles = [
        module.register_forward_hook(_keeper(probe, name))
        for name, module in own.named_modules()
        if not any(True for _ in module.children())
    ]
    try:
        outputs = _call(own, inputs)
        for handle in handles:
            handle.remove()
        probe.outputs = outputs.detach() if isinstance(outputs, Tensor) else None
        loss = loss_fn(outputs, targets)
        probe.loss = float(loss.detach().float().mean())
        probe.has_gradient = loss.requires_grad
        if loss.requires_grad:
            loss.float().mean().backward()
    except Exception as error:
        probe.error = f"{type(error).__name__}: {error}"
        return probe
    probe.gradients = {name: p.grad for name, p in own.named_parameters() if p.requires_grad}
    if own_optimizer is not None:
        held = [p for group in own_optimizer.param_groups for p in group["params"]]
        probe.held = {probe.names[id(p)] for p in held if id(p) in probe.names}
        probe.rate = max(float(group["lr"]) for group in own_optimizer.param_groups)
        probe.strangers = sum(id(p) not in probe.names for p in held)
        if loss.requires_grad and not isinstance(own_optimizer, torch.optim.LBFGS):  # that one needs a closure
            own_optimizer.step()
            probe.after = {name: p.detach().clone() for name, p in own.named_parameters()}
            probe.waiting = _waiting(probe, loss_fn, own_optimizer)
    return probe


def _waiting(probe: Probe, loss_fn: Any, optimizer: torch.optim.Optimizer) -> set[str]:
    """Parameters without a gradient that get one in a few steps: they stand before a gain that begins at 0."""
    still = {name for name, g in probe.gradients.items() if g is not None and not _dense(g).any()}
    waiting: set[str] = set()
    parameters = dict(probe.model.named_parameters())
    for _ in range(3 if still else 0):
        optimizer.zero_grad()
        loss_fn(_call(probe.model, probe.inputs), probe.targets).float().mean().backward()
        waiting |= {name for name in still if (g := parameters[name].grad) is not None and _dense(g).any()}
        optimizer.step()
    return waiting


def _look_in_eval_mode(probe: Probe, loss_fn: Any) -> None:
    """Two passes in eval mode, and one with its first sample changed."""
    model = _copied(probe.model)[0].eval()
    with torch.no_grad():
        try:
            first, second = _call(model, probe.inputs), _call(model, probe.inputs)
        except Exception:
            return  # the pass in train mode says what it raises
        if not isinstance(first, Tensor):
            return
        probe.evaluated, probe.again = first, second
        with contextlib.suppress(Exception):
            probe.eval_loss = float(loss_fn(first, probe.targets).float().mean())
        inputs = probe.inputs
        if isinstance(inputs, Tensor) and first.dim() and len(first) == len(inputs) > 2:
            changed = inputs.clone()
            changed[0] = inputs[1] if not torch.equal(inputs[0], inputs[1]) else inputs[-1]
            other = _call(model, changed)
            probe.alone = float((other[1:] - first[1:]).float().abs().max())


def _keeper(probe: Probe, name: str) -> Callable[..., None]:
    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            probe.activations[name] = (module, output.detach())

    return keep


def batch_values(probe: Probe) -> Iterator[Finding]:
    """Numbers of the batch that no training survives, or that slow it down."""
    for what, tensor in (("inputs", probe.inputs), ("targets", probe.targets)):
        if not isinstance(tensor, Tensor) or not tensor.numel():
            continue
        values = tensor.detach().float()
        if not torch.isfinite(values).all():
            count = int((~torch.isfinite(values)).sum())
            yield Finding("not finite", f"{count} values of the {what} are NaN or inf", "checklist/loss-nan")
        elif len(tensor) > 2 and values.std() == 0:
            yield Finding("constant", f"all {what} are {values.flatten()[0]:.4g}", "checklist/loss-zero-immediately")
    x = probe.inputs
    if isinstance(x, Tensor) and x.is_floating_point() and x.dim() > 1 and torch.isfinite(x).all():
        size = float(x.detach().float().pow(2).mean().sqrt())
        if size > 20:
            yield Finding(
                "input scale", f"the inputs' root mean square is {size:.3g}; about 1 is meant", "checklist/loss-slow"
            )
        different = len(torch.unique(x.flatten(1), dim=0))
        if len(x) > 3 and different <= len(x) / 2:
            yield Finding("repeated", f"{len(x)} samples, {different} of them different", "checklist/bad-inputs")


def raised(probe: Probe) -> Iterator[Finding]:
    """An error in train mode; the search of the guide takes its text."""
    yield Finding("error", probe.error, "checklist/index")


def outputs_and_targets(probe: Probe) -> Iterator[Finding]:
    """Outputs that do not fit their targets."""
    y, t = probe.outputs, probe.targets
    if y is None or not isinstance(t, Tensor):
        return
    if not torch.isfinite(y).all():
        yield Finding("outputs", "the outputs are not finite", "checklist/loss-nan")
        return
    if t.is_floating_point() and y.shape != t.shape and not _matches_shapes(probe):
        yield Finding(
            "shapes", f"outputs {tuple(y.shape)}, targets {tuple(t.shape)}", "checklist/shape-broadcast-silent"
        )
        return
    if t.is_floating_point():
        low, high = next(
            (span for kind, span in BOUNDED.items() if isinstance(_last(probe), kind)), (-math.inf, math.inf)
        )
        if float(t.min()) < low or float(t.max()) > high:
            says = (
                f"targets from {float(t.min()):.3g} to {float(t.max()):.3g}, the last layer gives {low:g} to {high:g}"
            )
            yield Finding("range", says, "checklist/output-range-wrong")
    sums = y.dim() == 2 and len(y) > 1 and y.shape[1] > 1 and (y >= 0).all() and (y.sum(1) - 1).abs().max() < 1e-3
    if not t.is_floating_point() and sums and not _is_small(_perfect(probe, (1.0,)), y):
        says = "each row of the outputs sums to 1: they are probabilities, and the loss takes raw outputs"
        yield Finding("softmax", says, "checklist/softmax-twice")
    elif isinstance(last := _last(probe), nn.Sigmoid | nn.Softmax | nn.Tanh) and _name(probe.loss_fn) in LOGIT_LOSSES:
        says = f"the last layer is {type(last).__name__}, and the loss takes raw outputs"
        yield Finding("squashed", says, "checklist/softmax-twice")
    is_same = y.dim() and len(y) > 3 and float((y - y[:1]).abs().max()) <= 1e-6 * float(y.abs().max())
    if is_same and not _starts_at_zero(probe):
        yield Finding("same output", "every sample has the same output", "checklist/loss-stuck-at-log-c")


def _name(loss_fn: Any) -> str:
    return str(getattr(loss_fn, "__name__", type(loss_fn).__name__))


def _matches_shapes(probe: Probe) -> bool:
    """Whether the loss sees to it itself that outputs and targets have one shape: it is the same when they have."""
    if probe.outputs is None or probe.outputs.numel() != probe.targets.numel():
        return False
    own = float(probe.loss_fn(probe.outputs, probe.targets).float().mean())
    same = float(probe.loss_fn(probe.outputs, probe.targets.reshape(probe.outputs.shape)).float().mean())
    return math.isclose(own, same, rel_tol=1e-5)


def _perfect(probe: Probe, scales: tuple[float, ...]) -> float | None:
    """The smallest loss of perfect outputs, one-hot times each scale; None where the loss cannot be asked so."""
    y, t = probe.outputs, probe.targets
    is_index = isinstance(t, Tensor) and t.dtype == torch.int64 and t.dim() == 1 and bool((t >= 0).all())
    if not is_index or y is None or y.dim() != 2 or not 1 < y.shape[1] < 10_000 or int(t.max()) >= y.shape[1]:
        return None
    perfect = nn.functional.one_hot(t, y.shape[1]).to(y.dtype)
    try:
        guess = float(probe.loss_fn(0 * perfect, t).float().mean())
        if scales != (1.0,) and not math.isclose(guess, math.log(y.shape[1]), rel_tol=0.02):
            return None  # no cross-entropy
        return min(float(probe.loss_fn(scale * perfect, t).float().mean()) for scale in scales)
    except Exception:
        return None  # it asks for more than outputs and targets


def _is_small(loss: float | None, y: Tensor) -> bool:
    """Whether a loss is far below guessing; label smoothing keeps it at about a quarter of that."""
    return loss is not None and loss < 0.4 * math.log(y.shape[1])


def loss_floor(probe: Probe) -> Iterator[Finding]:
    """A loss that even perfect outputs do not make small, such as one that takes a softmax of its own."""
    floor = _perfect(probe, (4.0, 8.0, 16.0))
    if floor is not None and probe.outputs is not None and not _is_small(floor, probe.outputs):
        says = f"for perfect outputs the loss is still {floor:.3g}"
        yield Finding("floor", says, "checklist/softmax-twice")


def registered(probe: Probe) -> Iterator[Finding]:
    """Modules and parameters in plain Python lists: torch does not know of them."""
    known = {*probe.names, *map(id, probe.model.modules())}
    for name, module in probe.model.named_modules():
        for key, value in vars(module).items():
            inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
            if not key.startswith("_") and any(_is_unknown(one, known) for one in inside):
                where = f"{name}.{key}" if name else key
                says = f"{where} holds modules in a plain {type(value).__name__}: no training, no eval() reaches them"
                yield Finding("not registered", says, "checklist/weights-not-changing")


def _is_unknown(value: Any, known: set[int]) -> bool:
    """Whether it is, or holds, what is to be trained, or behaves otherwise in training, and is not the model's."""
    inside = [*value.parameters(), *value.modules()] if isinstance(value, nn.Module) else [value]
    return any(_matters(one) for one in inside if id(one) not in known)


def _matters(one: Any) -> bool:
    if isinstance(one, nn.Parameter):
        return one.requires_grad
    return isinstance(one, nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm) and one.training


def _last(probe: Probe) -> nn.Module | None:
    """The module that made the outputs; None where something else did."""
    module, a = next(reversed(probe.activations.values())) if probe.activations else (None, None)
    y = probe.outputs
    return module if y is None or a is None or torch.equal(a.flatten(), y.flatten()) else None


def loss_value(probe: Probe) -> Iterator[Finding]:
    """A loss that no guess explains, or without a gradient."""
    if not math.isfinite(probe.loss):
        yield Finding("loss", f"the loss is {probe.loss}", "checklist/loss-nan")
    if not probe.has_gradient:
        yield Finding("no gradient", "the loss does not depend on any parameter", "checklist/weights-not-changing")
    y, t = probe.outputs, probe.targets
    if y is not None and isinstance(t, Tensor) and not t.is_floating_point() and y.dim() > 1 and y.shape[1] > 1:
        guess = _guess(probe)
        if probe.loss > 2 * guess + 1:
            says = f"the loss is {probe.loss:.3g}; guessing among {math.exp(guess):.0f} classes has {guess:.3g}"
            yield Finding("loss at start", says, "checklist/loss-explodes-first-steps")
        if probe.loss < 0:
            yield Finding("negative", f"the loss is {probe.loss:.3g}", "checklist/loss-negative")


def _guess(probe: Probe) -> float:
    """log C of C classes; C is the axis of the outputs for which outputs of 0 have that loss, else the longest one."""
    assert probe.outputs is not None
    zero = math.nan
    with contextlib.suppress(Exception):
        zero = float(probe.loss_fn(0 * probe.outputs, probe.targets).float().mean())
    guesses = [math.log(size) for size in probe.outputs.shape[1:] if size > 1]
    return next((guess for guess in guesses if math.isclose(zero, guess, rel_tol=0.02)), max(guesses))


def _starts_at_zero(probe: Probe) -> bool:
    """Whether a matrix is all 0 and gets a gradient, as the last layer of some networks at first."""
    got = [n for n, g in probe.gradients.items() if g is not None and g.dim() > 1 and _dense(g).any()]
    return any(not probe.before[name].any() for name in got)


def gradients_and_updates(probe: Probe) -> Iterator[Finding]:
    """Parameters that cannot learn: frozen, cut off, not held, not moved; and updates of a wrong size."""
    if not probe.has_gradient:
        return
    page = "checklist/weights-not-changing"
    bad = [name for name, g in probe.gradients.items() if g is not None and not torch.isfinite(_dense(g)).all()]
    none = [name for name, g in probe.gradients.items() if g is None]
    if bad:
        yield Finding("gradient", f"not finite in {_some(bad)}", "checklist/grad-nan-forward-finite")
    if none:
        yield Finding("cut off", f"no gradient reaches {_some(none)}", page)
    if probe.held is None:
        return
    missing = [name for name in probe.gradients if name not in probe.held]
    if missing:
        says = f"it does not hold {_some(missing)}" + f", but {probe.strangers} others" * bool(probe.strangers)
        yield Finding("optimizer", says, page)
    moved = [n for n in probe.after if n in probe.gradients and n in probe.held and n not in none + bad]
    moved = [n for n in moved if probe.before[n].dim() > 1 and n not in probe.waiting]
    still = [name for name in moved if torch.equal(probe.after[name], probe.before[name])]
    ratios = {n: float((probe.after[n] - probe.before[n]).norm() / probe.before[n].norm()) for n in moved}
    if still and probe.rate > 0:  # a schedule may begin or end at 0
        yield Finding("not moved", f"one step left {_some(still)} as they were", page)
    sizes = sorted(ratio for ratio in ratios.values() if 0 < ratio < math.inf)  # inf: what begins at 0
    middle = sizes[len(sizes) // 2] if sizes else 1e-3
    if middle > 0.3:
        says = f"one step changes the weights by {middle:.0%} of their norm; about 0.1% is common"
        yield Finding("update too large", says, "checklist/loss-explodes-first-steps")
    elif middle < 1e-6:
        says = f"one step changes the weights by {middle:.0e} of their norm; about 1e-3 is common"
        yield Finding("update too small", says, "checklist/loss-slow")


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "none"


def units(probe: Probe) -> Iterator[Finding]:
    """Units that say nothing, and signals that fade or grow with depth."""
    for name, (module, a) in probe.activations.items():
        if a.dim() < 2 or len(a) < 8:
            continue
        if isinstance(module, nn.ReLU):
            dead = float((a.flatten(2).amax(2) if a.dim() > 2 else a).amax(0).le(0).float().mean())
            if dead > 0.7:
                yield Finding(
                    "dead units",
                    f"{dead:.0%} of the units of {name} are 0 for every sample",
                    "checklist/dead-relu-many",
                )
        elif isinstance(module, nn.Sigmoid | nn.Tanh) and module is not _last(probe):
            edge = (a.abs() if isinstance(module, nn.Tanh) else (2 * a - 1).abs()).gt(0.99).float().mean()
            if edge > 0.5:
                yield Finding(
                    "saturated", f"{float(edge):.0%} of {name} lie at their limits", "checklist/saturated-activations"
                )
    spread = [
        float(a.float().std(0).mean())
        for m, a in probe.activations.values()
        if isinstance(m, nn.Linear | nn.Conv2d) and len(a) > 1
    ]
    if len(spread) > 4 and not 1e-3 < spread[-1] / (spread[0] + 1e-30) < 1e3 and not _starts_at_zero(probe):
        says = f"samples differ by {spread[0]:.1e} after the first layer and by {spread[-1]:.1e} after the last"
        yield Finding("signal", says, "checklist/deep-net-untrainable")
    norms = [
        float(_dense(g).float().pow(2).mean().sqrt())
        for n, g in probe.gradients.items()
        if g is not None and g.dim() > 1 and n not in probe.waiting
    ]
    if len(norms) > 4 and norms[-1] > 0 and norms[0] / norms[-1] < 1e-4:
        yield Finding(
            "vanishing",
            f"the first layer's gradient is {norms[0] / norms[-1]:.0e} of the last one's",
            "checklist/grad-vanishing",
        )


def modes(probe: Probe) -> Iterator[Finding]:
    """Outputs that differ between two passes, between samples' company, and between the modes."""
    y, again = probe.evaluated, probe.again
    if y is None or again is None or not torch.isfinite(y.float()).all():
        return
    size = float(y.float().abs().max()) + 1e-12
    noise = float((y - again).float().abs().max())
    if noise > 1e-4 * size:
        yield Finding("random", f"two passes in eval mode differ by {noise:.2g}", "checklist/eval-still-random")
    elif probe.alone > 1e-3 * size:
        says = f"changing one sample changes another's output by {probe.alone:.2g} in eval mode"
        yield Finding("not independent", says, "checklist/batch-dependent-output")
    if probe.eval_loss > 5 * probe.loss + 1 and probe.loss > 0:
        says = f"the loss is {probe.loss:.3g} in train mode and {probe.eval_loss:.3g} in eval mode"
        yield Finding("modes", says, "checklist/bn-train-eval-gap")


# In the order in which to act: a bad batch explains all that follows.
CHECKS = (
    batch_values,
    outputs_and_targets,
    loss_floor,
    loss_value,
    registered,
    gradients_and_updates,
    modes,
    units,
)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(64, 20), torch.randint(0, 5, (64,))
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    checkup(model, nn.functional.cross_entropy, (x, y), optimizer)

    model[2].requires_grad_(False)  # and now three faults at once
    optimizer = torch.optim.Adam(model[2].parameters(), lr=1e-3)
    checkup(nn.Sequential(model, nn.Softmax(dim=1)), nn.functional.cross_entropy, (255 * x, y), optimizer)
