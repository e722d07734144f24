"""Which term of a loss decides: call these with the terms as a function; they look at gradients and change nothing."""

import itertools

import torch


def gradients(terms, model, inputs, targets):
    """The value of each term, and its gradient by each trained parameter; None where it does not reach one.

    `terms(model, inputs, targets)` returns the terms by name, weighted as they are added up; `model` holds all that is
    trained. Costs one forward pass, and one backward pass for each term.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    found = {}
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            for name, term in terms(model, inputs, targets).items():
                reached = [None] * len(weights)
                if isinstance(term, torch.Tensor) and term.requires_grad:
                    reached = torch.autograd.grad(
                        term, weights, retain_graph=True, allow_unused=True
                    )
                value = term.item() if isinstance(term, torch.Tensor) else term
                found[name] = value, [g if g is None else g.to_dense() for g in reached]
    finally:
        for buffer, before in buffers:
            if not torch.equal(buffer, before):
                buffer.copy_(before)
    return found


def terms_of_unequal_pull(terms, model, inputs, targets):
    """Compare each two terms' gradients on the parameters that they share. Ask early: a learned task pulls less."""
    found = gradients(terms, model, inputs, targets)
    for pair in itertools.combinations(found, 2):
        reached = zip(*(found[name][1] for name in pair), strict=True)
        shared = [
            both for both in reached if both[0] is not None and both[1] is not None
        ]
        norms = [
            torch.nn.utils.get_total_norm(part).item()
            for part in zip(*shared, strict=True)
        ]
        if norms and 0 < 30 * min(norms) < max(norms):
            sizes = ", ".join(
                f"{name} {norm:.3g}" for name, norm in zip(pair, norms, strict=True)
            )
            return f"the terms' gradients on the {len(shared)} parameters that they share have the norms {sizes}"


def term_without_gradient(terms, model, inputs, targets):
    """Find terms that are not 0 and from which no gradient reaches the model, while one comes from others."""
    found = gradients(terms, model, inputs, targets)
    if all(g is None for _, reached in found.values() for g in reached):
        return None  # `terms` does not use this model
    for name, (value, reached) in found.items():
        if value and all(g is None for g in reached):
            return f"the term '{name}' is {value:.3g}, and no parameter of the model gets a gradient from it"
        if value and not any(g is not None and bool(g.any()) for g in reached):
            return f"the term '{name}' is {value:.3g}, and its gradient is 0: is it rounded, or clamped for now?"


def soft_loss_shrinks(soft_loss, outputs, teacher_outputs, temperature):
    """Compare gradients of a distillation loss at two high temperatures: the factor T² keeps them alike."""
    student, teacher = (
        o.detach().double() - o.detach().double().mean(dim=-1, keepdim=True)
        for o in (outputs, teacher_outputs)
    )
    high = max(
        8 * temperature, 8 * student.abs().max().item(), 8 * teacher.abs().max().item()
    )
    sizes = []
    for hot in (high, 2 * high):
        leaf = student.clone().requires_grad_()
        with torch.enable_grad():
            loss = soft_loss(leaf, teacher, hot)
        sizes.append(torch.autograd.grad(loss, leaf)[0].norm().item())
    if sizes[0] and sizes[1] / sizes[0] < 0.7:
        return f"at twice the temperature, the gradient of the soft loss is {sizes[1] / sizes[0]:.2f} times as large"


def missing_labels_counted(loss_fn, outputs, targets, missing=None):
    """Ask whether the loss depends on outputs whose label is missing: NaN, or the number given as `missing`."""
    unknown = (
        targets.isnan() if missing is None or missing != missing else targets == missing
    )
    if unknown.shape != outputs.shape or not unknown.any():
        return None
    leaf = outputs.detach().requires_grad_()
    with torch.enable_grad(), torch.random.fork_rng():
        slope = torch.autograd.grad(loss_fn(leaf, targets).mean(), leaf)[0]
    counted = (slope[unknown] != 0).sum().item()
    if counted:
        return f"the loss depends on {counted} of {int(unknown.sum())} outputs whose label is missing"


def half(batch):
    """The first half of a batch, in whatever it comes; two samples at least."""
    if isinstance(batch, dict):
        return {key: half(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [half(value) for value in batch]
    whole = not isinstance(batch, torch.Tensor) or batch.dim() == 0
    return batch if whole else batch[: max(2, len(batch) // 2)]


def learned_weights_vanish(terms, model, inputs, targets):
    """Move trained numbers far down the slope: does all that they reach shrink by one factor, on half of the batch, too?

    Costs two calls of `gradients`, and two more for each number in tensors that are no longer than there are terms.
    """
    batches = (inputs, targets), (half(inputs), half(targets))
    before = [gradients(terms, model, *batch) for batch in batches]
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    for k, (name, weight) in enumerate(named):
        for j in range(weight.numel() if weight.numel() <= len(before[0]) else 0):
            slopes = {
                term: reached[k].flatten()[j].item()
                for term, (_, reached) in before[0].items()
                if reached[k] is not None and bool(reached[k].flatten()[j])
            }
            kept = weight.detach().clone()
            try:
                with torch.no_grad():
                    weight.view(-1)[j] -= 10 if sum(slopes.values()) > 0 else -10
                after = [gradients(terms, model, *batch) for batch in batches]
            finally:
                with torch.no_grad():
                    weight.copy_(kept)
            if slopes and all(only_scaled(before, after, term) for term in slopes):
                reached = ", ".join(f"{t} (now {before[0][t][0]:.3g})" for t in slopes)
                number = f"{name}[{j}]" if weight.dim() else name
                return f"`{number}` only weighs {reached}, and no term keeps that weight from going to 0"


def only_scaled(before, after, term):
    """Whether a term fell below a tenth, by the same factor on a batch and on its half, where its value is another."""
    whole, part = (found[term][0] for found in before)
    if whole <= 0 or part <= 0 or abs(part / whole - 1) < 1e-3:
        return False  # nothing to tell a factor by
    factor, of_part = after[0][term][0] / whole, after[1][term][0] / part
    alike = 0.01 * abs(
        part / whole - 1
    )  # a hundredth of what something added would make
    return factor < 0.1 and abs(of_part - factor) <= alike * abs(factor)
