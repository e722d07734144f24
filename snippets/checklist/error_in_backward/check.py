"""What is wrong with the graph: call these with what is at hand when the error was raised."""

import re
import warnings

import torch


def history_of_a_state(hidden):
    """Ask whether a tensor that is kept from one step to the next still holds the graph of the steps before."""
    states = hidden if isinstance(hidden, list | tuple) else [hidden]
    if any(state.grad_fn is not None for state in states):
        return f"the state that the next step starts from has a history ({states[0].grad_fn.name()}): detach it"


def operations(loss):
    """All operations that a loss's backward pass goes through."""
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return seen


def operations_in_common(loss, second_loss):
    """Ask whether the backward passes of two losses that were not added share operations, parameters apart."""
    if second_loss.grad_fn in operations(loss) or loss.grad_fn in operations(
        second_loss
    ):
        return None
    shared = [
        one
        for one in operations(loss) & operations(second_loss)
        if "AccumulateGrad" not in one.name()
    ]
    if shared:
        return f"the two losses share {len(shared)} operations, such as {shared[0].name()}: add them, one backward()"


def loss_without_history(outputs, loss):
    """Ask whether the graph ends between the outputs and the loss."""
    if outputs.requires_grad and not loss.requires_grad:
        return f"outputs come from {outputs.grad_fn.name()}; the loss ({loss.dtype}) has no history: the cut is in between"


def nothing_to_train(model, outputs):
    """Ask whether parameters are frozen, or gradients are switched off."""
    if outputs.requires_grad:
        return None
    parameters = list(model.parameters())
    trained = sum(one.requires_grad for one in parameters)
    return f"{trained} of {len(parameters)} parameters require gradients, and so the outputs have no history"


def line_changed_in_place(model, loss_fn, inputs, targets):
    """Name the line whose result was changed later; costs one slow forward and backward pass."""
    modes = [(one, one.training) for one in model.modules()]
    was_on = torch.is_anomaly_enabled()
    model.eval()
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
        ):
            warnings.simplefilter("always")
            torch.autograd.set_detect_anomaly(True)
            loss = loss_fn(model(inputs), targets)
            torch.autograd.grad(
                loss,
                [one for one in model.parameters() if one.requires_grad],
                allow_unused=True,
            )
    except RuntimeError as error:
        if "modified by an inplace operation" in str(error):
            line, name, code = re.findall(
                r"line (\d+), in (\w+)\n\s+(.*)", str(caught[-1].message)
            )[-1]
            return f"line {line}, in {name}, needs a number that was overwritten later: {code}"
    finally:
        torch.autograd.set_detect_anomaly(was_on)
        for one, mode in modes:
            one.training = mode


def weights_updated_between(model, second_loss):
    """Ask whether the second loss was computed with weights that have been updated since."""
    shapes = {str(list(one.shape)) for one in model.parameters()}
    shapes |= {str(list(one.t().shape)) for one in model.parameters() if one.dim() == 2}
    for operation in operations(second_loss):
        for name in dir(operation):
            try:
                getattr(operation, name) if name.startswith("_saved_") else None
            except RuntimeError as error:
                shape = next(
                    (one for one in shapes if f"FloatTensor {one}]" in str(error)), None
                )
                if "modified by an inplace operation" in str(error) and shape:
                    return f"weights of shape {shape} were updated after the second loss was computed with them"


def loss_of_many_numbers(loss):
    """Ask whether the loss is one number."""
    if loss.numel() != 1:
        return f"the loss has shape {list(loss.shape)}: loss.mean()"


def predictions_with_history(predictions):
    """Ask whether predictions still hold the graph that made them."""
    if predictions.requires_grad:
        return f"predictions come from {predictions.grad_fn.name()}: torch.no_grad() around the model, or .detach()"
