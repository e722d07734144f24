"""Why a classifier answers as if it had not seen its input: data first, then what the network makes of them."""

import torch

Embeddings = (torch.nn.Embedding, torch.nn.EmbeddingBag)


def neighbours_with_other_labels(x_train, y_train):
    """Ask how often the nearest other sample has the same label; compares 1,000 samples with each other."""
    chosen = torch.randperm(len(x_train), generator=torch.Generator().manual_seed(0))[
        :1000
    ]
    x, y = x_train[chosen].flatten(1).float(), y_train[chosen]
    distances = torch.cdist(x, x).fill_diagonal_(torch.inf)
    agree = (y[distances.argmin(dim=1)] == y).float().mean().item()
    chance = (torch.bincount(y) / len(y)).square().sum().item()
    if agree < chance + 3 * (chance * (1 - chance) / len(y)) ** 0.5:
        return f"the nearest neighbour has the same label in {agree:.1%} of cases, by chance in {chance:.1%}"


def inputs_that_hardly_differ(inputs):
    """Look at the tensor that enters the network: how much does its most lively feature vary over the batch?"""
    if inputs.is_floating_point():
        spread = inputs.flatten(1).std(dim=0).max().item()
        if spread < 0.05:
            low, high = inputs.min().item(), inputs.max().item()
            return f"inputs lie between {low:.3g} and {high:.3g}; no feature has a standard deviation above {spread:.1e}"


def where_samples_become_equal(model, inputs):
    """Find the module from which on, up to the output, all samples of the batch are the same; one forward pass."""
    equal = []

    def look(name):
        def hook(module, arguments, output):
            if (
                isinstance(output, torch.Tensor)
                and output.dim() > 1
                and len(output) == len(inputs)
            ):
                spread = (output - output[:1]).abs().max().item()
                if spread > 1e-6 * output.abs().max().item():
                    equal.clear()  # what was equal before was not all that this module got
                else:
                    equal.append(f"{name or 'model'} ({type(module).__name__})")

        return hook

    modes = [(module, module.training) for module in model.modules()]
    handles = [
        module.register_forward_hook(look(name))
        for name, module in model.named_modules()
    ]
    try:
        model.eval()
        with torch.no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    if equal:
        return f"all {len(inputs)} samples look the same from module {equal[0]} on"


def gradient_that_fades(model, loss_fn, inputs, targets):
    """Compare gradients of the first and the last weight matrix (no embedding), each relative to its weights."""
    tables = [m for m in model.modules() if isinstance(m, Embeddings)]
    looked_up = {id(p) for table in tables for p in table.parameters()}
    weights = [
        p
        for p in model.parameters()
        if p.requires_grad and p.dim() > 1 and p.any() and id(p) not in looked_up
    ]
    with torch.random.fork_rng(), torch.enable_grad():
        loss = loss_fn(model(inputs), targets)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    sizes = [
        (g.norm() / p.norm()).item()
        for p, g in zip(weights, gradients, strict=True)
        if g is not None
    ]
    if len(sizes) > 2 and 0 < sizes[0] < 1e-3 * sizes[-1]:
        return f"the relative gradient of the first weight matrix is {sizes[0]:.1e}, that of the last {sizes[-1]:.1e}"


def outputs_that_are_probabilities(outputs, loss_fn):
    """Ask whether what cross-entropy gets went through a softmax already."""
    if (
        isinstance(loss_fn, torch.nn.CrossEntropyLoss)
        and outputs.dim() > 1
        and outputs.min() >= 0
    ):
        sums = outputs.sum(dim=1)
        if torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
            floor = torch.tensor(outputs.shape[1] - 1 + torch.e).log().item() - 1
            return f"every row of the outputs sums to 1; the loss of probabilities cannot fall below {floor:.2f}"


def gradients_that_are_all_zero(model, loss_fn, inputs, targets):
    """Ask whether the loss depends on the weights at all: of a sound network some gradient is not exactly 0."""
    weights = [p for p in model.parameters() if p.requires_grad]
    if not weights:
        return None
    with torch.random.fork_rng(), torch.enable_grad():
        loss = loss_fn(model(inputs), targets)
        if not loss.requires_grad:
            return None  # cut off, which is another fault
        found = torch.autograd.grad(loss, weights, allow_unused=True)
    if loss.isfinite() and not any(g is not None and g.any() for g in found):
        return f"the loss is {loss.item():.4f}, and the gradients of all {len(weights)} tensors are exactly 0"
