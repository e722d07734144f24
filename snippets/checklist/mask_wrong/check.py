"""Why training looks perfect and generation does not: call these with the model and one batch of tokens."""

import torch


def quiet(model, *args):
    """Run a model in eval mode without a trace; of several outputs the first is taken."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            outputs = model(*args)
    finally:
        for module, mode in modes:
            module.training = mode
    return outputs[0] if isinstance(outputs, tuple) else outputs


def with_another(inputs, place):
    """The tokens with another one at a place of each row, also where all rows have the same there."""
    changed = inputs.clone()
    high, low = inputs.max(), inputs.min()
    changed[:, place] = torch.where(inputs[:, place] == high, low, high)
    return changed


def outputs_that_see_the_future(model, inputs):
    """Change the last token of each sequence: no earlier output may move. Costs two forward passes."""
    changed = with_another(inputs, -1)
    moved = (
        (quiet(model, changed) - quiet(model, inputs))[:, :-1].abs().amax(dim=(0, 2))
    )
    if (moved > 1e-4).any():
        return f"{int((moved > 1e-4).sum())} of {len(moved)} earlier outputs change with the last token"


def outputs_that_forget_the_past(model, inputs):
    """Change the first token, then the last: whose outputs move? Costs three forward passes."""
    first, last = with_another(inputs, 0), with_another(inputs, -1)
    before = quiet(model, inputs)
    late = (quiet(model, first) - before)[:, 1:].abs().max().item()
    early = (quiet(model, last) - before)[:, :-1].abs().max().item()
    if late < 1e-6 < early:
        return f"the first token moves no later output, the last token moves earlier ones by {early:.1f}"


def targets_that_are_the_inputs(inputs, targets):
    """Compare targets, without those that are ignored, with the inputs at the same place and one place on."""
    counts = targets >= 0
    same = (targets == inputs)[counts].float().mean().item()
    shifted = (targets[:, :-1] == inputs[:, 1:])[counts[:, :-1]].float().mean().item()
    if same > 0.9 and same > shifted:
        return f"{same:.0%} of the targets are the input at the same place, {shifted:.0%} the next one"


def padding_that_is_counted(loss_fn, outputs, targets):
    """Spoil the outputs at padding, repeats of what most rows end with: the loss may not move."""
    padding = targets[:, -1].mode().values
    tail = (targets == padding).int().flip(1).cumprod(dim=1).flip(1).bool()
    tail &= tail.roll(1, dims=1)  # the first may be the end of the text, and counts
    tail[:, 0] = False
    spoilt = outputs.detach().clone()
    spoilt[tail] = -spoilt[tail]
    with torch.no_grad():
        loss = loss_fn(outputs.flatten(0, 1), targets.flatten()).item()
        moved = loss_fn(spoilt.flatten(0, 1), targets.flatten()).item() - loss
        real = loss_fn(outputs[~tail], targets[~tail]).item()
    share = tail.float().mean().item()
    if share > 0.1 and abs(moved) > 1e-6:
        return f"{share:.0%} of the targets are padding, and count: loss {loss:.2f}, without them {real:.2f}"


def generation_that_differs(model, generate, prompts):
    """Write 5 tokens with your function, greedily, and with whole forward passes; they must be the same."""
    slow = prompts
    for _ in range(5):
        slow = torch.cat([slow, quiet(model, slow)[:, -1:].argmax(dim=-1)], dim=1)
    with torch.no_grad(), torch.random.fork_rng():
        other = (generate(prompts, 5) != slow).any(dim=1).float().mean().item()
    if other > 0.02:
        return f"{other:.0%} of the texts differ from what whole forward passes write"
