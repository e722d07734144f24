"""Why two classes are mixed up. For photographs, text and sound pass features of a pretrained network as inputs."""

import torch


def worst_pair(y, found):
    """The class, what it is taken for, and the share of it that is."""
    n = int(max(y.max(), found.max())) + 1
    pairs = torch.zeros(n, n).index_put((y, found), torch.ones(()), True)
    shares = (pairs / pairs.sum(dim=1, keepdim=True).clamp(min=1)).fill_diagonal_(0)
    label, other = divmod(int(shares.argmax()), n)
    return label, other, shares[label, other].item()


def augmentation_that_makes_another_class(augment, x_train, y_train):
    """Ask what augmented samples look like, judged by their 5 nearest original samples (first 1000)."""
    x, y = x_train[:1000], y_train[:1000]
    with torch.random.fork_rng(devices=[]):
        changed = augment(x.clone())
    near = [
        torch.cdist(a.flatten(1).float(), x.flatten(1).float()).fill_diagonal_(
            torch.inf
        )
        for a in (x, changed)
    ]
    (_, _, plain), (label, other, share) = (
        worst_pair(y, y[d.topk(5, largest=False).indices].mode(dim=1).values)
        for d in near
    )
    if share > 0.1 and share > 2 * plain:
        return f"augmented, {share:.0%} of class {label} look like class {other}; before, at most {plain:.0%} do"


def classes_that_overlap(x_train, y_train):
    """Ask whether the inputs, as they enter, tell the classes apart (5 nearest other samples, first 2000)."""
    x, y = x_train[:2000].flatten(1).float(), y_train[:2000]
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    found = y[distance.topk(5, largest=False).indices].mode(dim=1).values
    enough = y.bincount()[y] >= 30
    label, other, share = worst_pair(y[enough], found[enough])
    if share > 0.1:
        return f"by its nearest neighbours {share:.0%} of class {label} would be class {other}: the inputs overlap"


def rare_class_of_the_pair(model, x_test, y_test, y_train):
    """Compare how often the two classes of the worst pair occur in training."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.no_grad():
        label, other, share = worst_pair(y_test, model(x_test).argmax(dim=1))
    for module, training in modes:
        module.training = training
    counts = y_train.bincount(minlength=int(y_test.max()) + 1)
    if share > 0.1 and counts[label] < counts[other] / 4:
        return (
            f"{share:.0%} of class {label} are taken for class {other}, "
            f"with {counts[label]} training samples against {counts[other]}"
        )
