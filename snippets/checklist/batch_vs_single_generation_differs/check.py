"""Why prompts in a batch are continued differently: call these with one padded batch of prompts of several lengths."""

import torch


def quiet(model, tokens, mask):
    """Run a model in eval mode without a trace."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            outputs = model(tokens, mask)
    finally:
        for module, mode in modes:
            module.training = mode
    return outputs


def prompts_that_end_with_padding(mask):
    """Look at the last column of the mask: generation reads the output of the last place."""
    ends = (mask[:, -1] == 0).sum().item()
    if ends:
        return f"{ends} of {len(mask)} prompts end with padding, and are continued after it"


def padding_that_is_read(model, tokens, mask):
    """Write another token into the padding: outputs at real tokens may not move. Costs two forward passes."""
    changed = tokens.masked_fill(mask == 0, int(tokens[mask.bool()][0]))
    moved = (quiet(model, changed, mask) - quiet(model, tokens, mask))[mask.bool()]
    if moved.abs().max() > 1e-4:
        return f"logits at real tokens move by {moved.abs().max():.2f} with what stands in the padding"


def positions_that_count_padding(model, tokens, mask):
    """Run the shortest prompt with and without its padding, where padding is not read. Costs four forward passes."""
    if padding_that_is_read(model, tokens, mask):
        return None
    row = int(mask.sum(dim=1).argmin())
    keep = mask[row].bool()
    padded = quiet(model, tokens, mask)[row][keep]
    alone = quiet(model, tokens[row][keep].unsqueeze(0), mask[row][keep].unsqueeze(0))[
        0
    ]
    moved = (padded - alone).abs().max().item()
    rounding = max(1e-3, 8 * torch.finfo(alone.dtype).eps) * max(
        1, alone.abs().max().item()
    )
    if moved > rounding:
        return f"the shortest prompt's logits differ by {moved:.2f} with and without padding, though none is read"
