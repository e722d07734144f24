"""Why a Transformer does not train: call these after some steps, with the objects of the loop."""

import copy

import torch
from torch import nn


def losses_that_jump_at_first(losses):
    """Compare the first loss with the worst of the next 20, means of three that one odd batch does not decide."""
    worst = max([losses[0], *(sum(losses[k - 3 : k]) / 3 for k in range(3, 22))])
    if worst > 1.5 * losses[0]:
        return (
            f"the loss rises from {losses[0]:.2f} to {worst:.2f} in the first 20 steps"
        )


def post_norm_without_warmup(model, rates):
    """Look for layers that normalize after the addition, and at the learning rates of the steps so far."""
    layers = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    post = [m for m in model.modules() if isinstance(m, layers) and not m.norm_first]
    if len(post) >= 4 and rates[0] > 0.5 * max(rates) > 5e-5:  # fine-tuning takes less
        return f"{len(post)} layers have norm_first=False, and step 1 has the full learning rate, {rates[0]:g}"


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def samples_that_see_each_other(model, inputs):
    """Change one sample for a copy with random weights: in no module may another move. The batch comes first."""
    own, seen = copied(model).eval(), []
    if inputs.dim() > 1 and inputs.shape[1] == len(inputs):
        inputs = inputs[:-1]  # else a first axis of places looks like one of samples
    for name, module in own.named_modules():
        module.register_forward_hook(
            lambda module, args, out, name=name: seen.append(
                (name, out[0] if isinstance(out, tuple) else out)
            )
        )
    changed = inputs.clone()
    changed[0] = inputs[1]
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for p in own.parameters():
            p.normal_(std=0.3)
        own(changed)
        own(inputs)
    half = len(seen) // 2
    for (name, a), (_, b) in zip(seen[:half], seen[half:], strict=True):
        if torch.is_tensor(a) and a.dim() and len(a) == len(inputs):
            moved = (a - b)[1:].abs().max().item()
            if moved > 1e-3:
                return f"in '{name}' other samples move by {moved:.2f} when one sample is changed"


def logits_too_large(model):
    """Look for an embedding that is also the head: logits of normalized states have a spread of rms * sqrt(width)."""
    heads = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and id(module.weight) in heads:
            spread = module.weight.norm().item() / module.num_embeddings**0.5
            # training may enlarge a table; nn.Embedding starts with an rms of 1
            if spread > 3 and spread > 0.3 * module.embedding_dim**0.5:
                return f"'{name}' is the head as well, and gives logits with a spread of {spread:.0f}; 1 is right"
