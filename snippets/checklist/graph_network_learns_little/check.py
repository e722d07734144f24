"""Why a graph helps a network little: call these with node features, labels, and links as (2, number of links)."""

import contextlib

import torch


def links_at_random(edge_index, y):
    """Compare how often a link joins two nodes of one class with how often chance would; unknown labels below 0."""
    source, target = edge_index
    known = (source != target) & (y[source] >= 0) & (y[target] >= 0)
    start, end = y[source[known]], y[target[known]]
    if y.is_floating_point() or y.dim() != 1 or len(start) < 100:
        return None
    classes = int(y.max()) + 1
    shares = [
        torch.bincount(part, minlength=classes) / len(part) for part in (start, end)
    ]
    alike, chance = (start == end).float().mean().item(), torch.dot(*shares).item()
    if abs(alike - chance) < 0.05:
        return (
            f"{alike:.0%} of {len(start)} links join nodes of one class, and chance alone would make it {chance:.0%}: "
            "unless links say nothing of the classes, they belong to other nodes"
        )


def links_without_return(edge_index):
    """Count the links whose way back is missing; each link carries messages one way only."""
    source, target = edge_index[:, edge_index[0] != edge_index[1]]
    if not len(source):
        return None
    size = int(edge_index.max()) + 1
    missing = ~torch.isin(target * size + source, source * size + target)
    share = missing.float().mean().item()
    if share > 0.5:
        quiet = size - len(target.unique())
        return (
            f"{share:.0%} of {len(source)} links have no way back, and {quiet} of {size} nodes hear of no other: "
            "right only if messages are to flow one way"
        )


def node_left_out(model, x, edge_index):
    """Take all links between nodes away: if all nodes then get one answer, none of them sees its own features."""
    own = edge_index[:, edge_index[0] == edge_index[1]]
    with evaluation(model), torch.no_grad():
        alone = model(x, own)
    looped = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    looped[own[0]] = True  # these hear of themselves
    if (
        not torch.is_tensor(alone)
        or len(alone) != len(x)
        or len(x[~looped].unique(dim=0)) < 10
    ):
        return None
    alone = alone[~looped]
    if (alone - alone[:1]).abs().max() <= 1e-6 * alone.abs().max():
        return f"without links, {len(alone)} nodes of other features get one and the same answer: only neighbours count"


def far_nodes_decide(model, x, edge_index):
    """Ask how much of an answer's gradient belongs to the inputs of nodes within two links, for up to 16 nodes."""
    source, target = edge_index
    inputs = x.detach().clone().requires_grad_()
    shares, sizes = [], []
    with evaluation(model), torch.enable_grad():
        outputs = model(inputs, edge_index)
        if not torch.is_tensor(outputs) or outputs.dim() != 2 or len(outputs) != len(x):
            return None
        for node in range(0, len(x), max(len(x) // 16, 1)):
            (grad,) = torch.autograd.grad(
                outputs[node].max(), inputs, retain_graph=True
            )
            near = torch.zeros(len(x), dtype=torch.bool, device=x.device)
            near[node] = True
            for _ in range(2):
                near[source[near[target]]] = True
            weight = grad.flatten(1).norm(dim=1)
            if weight.sum() > 0:
                shares.append((weight[near].sum() / weight.sum()).item())
                sizes.append((weight > 0).float().mean().item())
    if len(shares) < 4:
        return None
    share, size = sum(shares) / len(shares), sum(sizes) / len(sizes)
    if share < 0.5:
        return (
            f"{1 - share:.0%} of an answer's gradient belongs to nodes more than two links away, "
            f"and each answer hears of {size:.0%} of all nodes: what a node's own surroundings say is drowned"
        )


@contextlib.contextmanager
def evaluation(model):
    """Evaluation mode and random numbers of its own; each module's own flag is put back."""
    modes = [(module, module.training) for module in model.modules()]
    for module, _ in modes:
        module.training = False
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
