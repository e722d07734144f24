"""Which term of a loss decides: call these with the terms as a function; they look at gradients and change nothing."""

import copy

import torch


def gradients(terms, model, inputs, targets):
    """The value of each term, and its gradient by each trained parameter; None where it does not reach one.

    `terms(model, inputs, targets)` returns the terms by name, weighted as they are added up. Costs a copy of the model,
    one forward pass, and one backward pass for each term.
    """
    model = copy.deepcopy(model)
    weights = [p for p in model.parameters() if p.requires_grad]
    with torch.random.fork_rng(), torch.enable_grad():
        found = {}
        for name, term in terms(model, inputs, targets).items():
            reached = [None] * len(weights)
            if isinstance(term, torch.Tensor) and term.requires_grad:
                reached = torch.autograd.grad(
                    term, weights, retain_graph=True, allow_unused=True
                )
            value = term.item() if isinstance(term, torch.Tensor) else term
            found[name] = (value, reached)
        return found


def terms_of_unequal_pull(terms, model, inputs, targets):
    """Compare the terms' gradients on the parameters that they share. Ask early: a learned task pulls less."""
    found = {
        name: g
        for name, (_, g) in gradients(terms, model, inputs, targets).items()
        if any(p is not None for p in g)
    }
    shared = [
        k
        for k, reached in enumerate(zip(*found.values(), strict=True))
        if all(g is not None for g in reached)
    ]
    pull = {
        name: torch.nn.utils.get_total_norm([g[k] for k in shared]).item()
        for name, g in found.items()
        if shared
    }
    if len(pull) > 1 and max(pull.values()) > 30 * min(pull.values()):
        norms = ", ".join(f"{name} {norm:.3g}" for name, norm in pull.items())
        return f"the terms' gradients on the {len(shared)} parameters that they share have the norms {norms}"


def term_without_gradient(terms, model, inputs, targets):
    """Find terms that are not 0 and from which no gradient reaches the model."""
    for name, (value, reached) in gradients(terms, model, inputs, targets).items():
        if value and not any(g is not None and bool(g.any()) for g in reached):
            return f"the term '{name}' is {value:.3g}, and no parameter of the model gets a gradient from it"


def soft_loss_shrinks(soft_loss, outputs, teacher_outputs, temperature):
    """Compare gradients of a distillation loss at two high temperatures: the factor T² keeps them alike."""
    sizes = []
    for factor in (8, 16):
        student = outputs.detach().double().requires_grad_()
        with torch.enable_grad():
            loss = soft_loss(
                student, teacher_outputs.detach().double(), factor * temperature
            )
        sizes.append(torch.autograd.grad(loss, student)[0].norm().item())
    if sizes[0] and sizes[1] / sizes[0] < 0.7:
        return f"at twice the temperature, the gradient of the soft loss is {sizes[1] / sizes[0]:.2f} times as large"


def missing_labels_counted(loss_fn, outputs, targets, missing=None):
    """Ask whether the loss depends on outputs whose label is missing: NaN, or the number given as `missing`."""
    unknown = targets.isnan() if missing is None else targets == missing
    if unknown.shape != outputs.shape or not unknown.any():
        return None
    leaf = outputs.detach().requires_grad_()
    with torch.enable_grad(), torch.random.fork_rng():
        slope = torch.autograd.grad(loss_fn(leaf, targets).mean(), leaf)[0]
    counted = (slope[unknown] != 0).sum().item()
    if counted:
        return f"the loss depends on {counted} of {int(unknown.sum())} outputs whose label is missing"
