"""Which elements of a (batch, channel, height, width) tensor meet in local response normalization: gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import nn

from snippets.experiment import save_reach

if __name__ == "__main__":
    save_reach(
        "local-response-normalization-axes",
        "local response normalization, size 3",
        nn.LocalResponseNorm(3, alpha=1.0),
        "share a divisor with",
    )
