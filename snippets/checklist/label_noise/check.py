"""Signs of wrong labels. Standardize tables; for photographs or text pass features of a pretrained network as x_train."""

import torch


def what_neighbours_say(x_train, y_train, k=10):
    """The most frequent label among the k nearest other samples; classes too rare to be that keep their own."""
    x = x_train.flatten(1).float()
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    said = y_train[distance.topk(k, largest=False).indices].mode(dim=1).values
    return said.where(y_train.bincount()[y_train] > 2 * k, y_train)


def labels_that_neighbours_contradict(x_train, y_train):
    """Ask whether labels of most classes differ from those of their neighbours."""
    wrong = what_neighbours_say(x_train, y_train) != y_train
    classes = y_train.unique()
    shares = torch.stack([wrong[y_train == c].float().mean() for c in classes])
    if wrong.float().mean() > 0.1 and (shares > 0.1).float().mean() > 0.5:
        return (
            f"{wrong.float().mean():.0%} of labels differ from what their 10 nearest neighbours say, "
            f"in {int((shares > 0.1).sum())} of {len(classes)} classes"
        )


def class_that_looks_like_another(x_train, y_train):
    """Find one label whose samples look like another class, where other labels are clean."""
    said = what_neighbours_say(x_train, y_train)
    wrong, n = said != y_train, int(y_train.max()) + 1
    pairs = (y_train * n + said)[wrong].bincount(minlength=n * n).reshape(n, n)
    label, other = divmod(int(pairs.argmax()), n)
    share = pairs[label, other].item() / max(1, int((y_train == label).sum()))
    back = pairs[other, label].item() / max(1, int((y_train == other).sum()))
    both = pairs[label, other] + pairs[other, label]
    # of two classes, random errors are in both alike
    one_way = len(y_train.unique()) > 2 or min(share, back) < 0.5 * max(share, back)
    rest = (wrong.sum() - both).item() / len(y_train)
    if share > 0.1 and both > 0.5 * wrong.sum() and rest < 0.1 and one_way:
        return f"{share:.0%} of the samples labelled {label} have neighbours labelled {other}; other labels fit"


def inputs_with_two_labels(x_train, y_train):
    """Find samples that are equal, bit by bit, and have different labels."""
    _, copy_of = x_train.flatten(1).unique(dim=0, return_inverse=True)
    pairs = torch.stack([copy_of, y_train]).unique(dim=1)
    two = (pairs[0].bincount() > 1).sum().item()
    if two:
        return f"{two} inputs occur with more than one label"
