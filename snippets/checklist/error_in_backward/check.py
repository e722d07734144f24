"""What is wrong with the graph: call these with what is at hand when the error was raised."""

import re
import warnings

import torch


def history_of_a_state(hidden):
    """Ask whether a tensor that is kept from one step to the next still holds the graph of the steps before."""
    waiting = [hidden]
    while waiting:
        state = waiting.pop(0)
        if isinstance(state, list | tuple):
            waiting += state
        elif torch.is_tensor(state) and state.grad_fn is not None:
            return f"the state that the next step starts from has a history ({state.grad_fn.name()}): detach it"


def operations(loss):
    """All operations that a loss's backward pass goes through."""
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return seen


def keeps_numbers(operation):
    """Ask whether an operation keeps tensors for its backward pass, which the first pass frees."""
    for name in dir(operation):
        try:
            kept = getattr(operation, name) if name.startswith("_saved_") else None
        except RuntimeError:
            return True
        if torch.is_tensor(kept) or (
            isinstance(kept, tuple) and any(map(torch.is_tensor, kept))
        ):
            return True
    return hasattr(operation, "saved_tensors")


def operations_in_common(loss, second_loss):
    """Ask whether the backward passes of two losses that were not added share operations that are freed."""
    if second_loss.grad_fn in operations(loss) or loss.grad_fn in operations(
        second_loss
    ):
        return None
    shared = [
        one
        for one in operations(loss) & operations(second_loss)
        if "AccumulateGrad" not in one.name()
    ]
    if any(map(keeps_numbers, shared)):
        return f"the two losses share {len(shared)} operations, such as {shared[0].name()}: add them, one backward()"


def loss_without_history(outputs, loss):
    """Ask whether the graph ends between the outputs and the loss."""
    if outputs.requires_grad and not getattr(loss, "requires_grad", False):
        made = outputs.grad_fn.name() if outputs.grad_fn else "a tensor that is trained"
        kind = getattr(loss, "dtype", type(loss).__name__)
        return f"outputs come from {made}; the loss ({kind}) has no history: the cut is in between"


def nothing_to_train(model, outputs):
    """Ask whether parameters are frozen, or gradients are switched off."""
    if outputs.requires_grad:
        return None
    parameters = list(model.parameters())
    trained = sum(one.requires_grad for one in parameters)
    why = (
        "and so the outputs have no history"
        if not trained
        else "yet the outputs have no history: no_grad, or a cut"
    )
    return f"{trained} of {len(parameters)} parameters require gradients, {why}"


def line_changed_in_place(model, loss_fn, inputs, targets):
    """Name the line whose result was changed later; costs one slow forward and backward pass."""
    was_on = torch.is_anomaly_enabled()
    buffers = {name: one.clone() for name, one in model.named_buffers()}
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            torch.random.fork_rng(),
            torch.enable_grad(),
        ):
            warnings.simplefilter("always")
            torch.autograd.set_detect_anomaly(True)
            outputs = torch.func.functional_call(model, buffers, (inputs,))
            torch.autograd.grad(
                loss_fn(outputs, targets),
                [one for one in model.parameters() if one.requires_grad],
                allow_unused=True,
            )
    except (RuntimeError, ValueError) as error:
        if "modified by an inplace operation" in str(error):
            text = "\n".join(str(one.message) for one in caught)
            lines = re.findall(r"line (\d+), in (\w+)\n\s+(.*)", text)
            line, name, code = lines[-1] if lines else ("?", "a module", str(error))
            return f"line {line}, in {name}, needs a number that was overwritten later: {code}"
    finally:
        torch.autograd.set_detect_anomaly(was_on)


def weights_updated_between(model, second_loss):
    """Ask whether the second loss was computed with weights that have been updated since."""
    shapes = {str(list(one.shape)) for one in model.parameters()}
    shapes |= {str(list(one.t().shape)) for one in model.parameters() if one.dim() == 2}
    for operation in operations(second_loss):
        for name in dir(operation):
            try:
                getattr(operation, name) if name.startswith("_saved_") else None
            except RuntimeError as error:
                shape = next((one for one in shapes if f" {one}]" in str(error)), None)
                made = re.search(r"which is output \d+ of (\w+)", str(error))
                weight = made is None or re.match(
                    "(T|AsStrided|Transpose)(Backward|$)", made[1]
                )
                if (
                    "modified by an inplace operation" in str(error)
                    and shape
                    and weight
                ):
                    return f"weights of shape {shape} were updated after the second loss was computed with them"


def loss_of_many_numbers(loss):
    """Ask whether the loss is one number."""
    if loss.numel() != 1:
        return f"the loss has shape {list(loss.shape)}: loss.mean()"


def predictions_with_history(predictions):
    """Ask whether predictions still hold the graph that made them."""
    if predictions.requires_grad:
        return f"predictions come from {predictions.grad_fn.name()}: torch.no_grad() around the model, or .detach()"
