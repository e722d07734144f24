"""The family tree of optimizers: what each one changes in the one that it comes from.

Source: the papers on the entries' pages; the years are those of these papers.
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt

# id of the entry: name, year, id of the one it comes from, what it changes
TREE: dict[str, tuple[str, int, str, str]] = {
    "gradient-descent": ("gradient descent", 1847, "", "a step against the gradient of all data"),
    "sgd": ("SGD", 1951, "gradient-descent", "the gradient of a batch"),
    "momentum": ("momentum", 1964, "sgd", "a sum of past gradients as the direction"),
    "nesterov-momentum": ("Nesterov", 2013, "momentum", "looks a step of momentum ahead"),
    "lars": ("LARS", 2017, "momentum", "a rate for each layer"),
    "lion": ("Lion", 2023, "momentum", "the sign of the direction"),
    "muon": ("Muon", 2024, "momentum", "an orthogonal matrix as the direction"),
    "asgd": ("ASGD", 1992, "sgd", "the mean of the weights on the way"),
    "lookahead": ("Lookahead", 2019, "sgd", "slow weights that follow any optimizer"),
    "sam": ("SAM", 2020, "sgd", "the gradient after a step uphill"),
    "adagrad": ("Adagrad", 2011, "sgd", "a rate for each parameter, from a sum of squares"),
    "adadelta": ("Adadelta", 2012, "adagrad", "a moving mean, and no rate"),
    "rmsprop": ("RMSProp", 2012, "adagrad", "a moving mean in the place of the sum"),
    "rmsprop-centered": ("centered RMSProp", 2013, "rmsprop", "the variance in the place of the square"),
    "adam": ("Adam", 2014, "rmsprop", "a mean of gradients, both means corrected"),
    "adamax": ("AdaMax", 2014, "adam", "the largest gradient in the place of the mean square"),
    "sparse-adam": ("SparseAdam", 2014, "adam", "only the rows that the gradient names"),
    "nadam": ("NAdam", 2016, "adam", "Nesterov's momentum"),
    "amsgrad": ("AMSGrad", 2018, "adam", "the largest mean square so far"),
    "adafactor": ("Adafactor", 2018, "adam", "rows and columns in the place of the squares"),
    "radam": ("RAdam", 2019, "adam", "no division until the variance is known"),
    "adabelief": ("AdaBelief", 2020, "adam", "the spread around the mean gradient"),
    "adopt": ("ADOPT", 2024, "adam", "divides by the squares of earlier steps only"),
    "adamw": ("AdamW", 2017, "adam", "weight decay outside the gradient"),
    "lamb": ("LAMB", 2019, "adamw", "a rate for each layer"),
    "prodigy": ("Prodigy", 2023, "adamw", "estimates the rate on the way"),
    "schedule-free": ("schedule-free", 2024, "adamw", "a mean of weights in the place of a schedule"),
    "shampoo": ("Shampoo", 2018, "adagrad", "a matrix for each side of the weight"),
    "soap": ("SOAP", 2024, "shampoo", "Adam in Shampoo's basis"),
    "lbfgs": ("L-BFGS", 1989, "gradient-descent", "curvature from the last steps"),
    "rprop": ("Rprop", 1993, "gradient-descent", "only the sign, a step length for each parameter"),
}


def depth(entry: str) -> int:
    """How many ancestors an entry has."""
    parent = TREE[entry][2]
    return 1 + depth(parent) if parent else 0


def depth_first(entry: str) -> list[str]:
    """The entry, then each child with all of its own, the oldest child first."""
    children = sorted((child for child, row in TREE.items() if row[2] == entry), key=lambda child: TREE[child][1])
    return [entry] + [name for child in children for name in depth_first(child)]


if __name__ == "__main__":
    order = depth_first("gradient-descent")
    height = {entry: -line for line, entry in enumerate(order)}
    figure, axis = plt.subplots(figsize=(8.4, 8.6), layout="constrained")
    for entry in order:
        name, year, parent, change = TREE[entry]
        x, y = 0.6 * depth(entry), height[entry]
        if parent:
            axis.plot([x - 0.6, x - 0.6, x - 0.15], [height[parent] - 0.35, y, y], "-", color="C6", linewidth=1.2)
        axis.plot(x, y, "o", color=f"C{depth(entry) % 5}", markersize=6)
        axis.text(x + 0.18, y, f"{name}, {year}", va="center", weight="bold")
        axis.text(6.6, y, change, va="center")
    axis.set(xlim=(-0.3, 12.4), ylim=(-len(order) + 0.3, 0.7))
    axis.set_axis_off()
    plt.savefig("index-family-tree.svg")
    with Path("index-family-tree.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[TREE[e][0], TREE[e][1], TREE[TREE[e][2]][0] if TREE[e][2] else "", TREE[e][3]] for e in order]
        csv.writer(file).writerows([["optimizer", "year", "comes from", "what it changes"], *rows])
    most = max(TREE, key=lambda entry: sum(row[2] == entry for row in TREE.values()))
    print(f"{len(TREE)} optimizers; most children: {TREE[most][0]}")
