"""Which elements of a (batch, channel, height, width) tensor share statistics in group normalization, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import nn

from snippets.experiment import SHAPE, save_reach

if __name__ == "__main__":
    save_reach("group-normalization-axes", "group normalization, 2 groups", nn.GroupNorm(2, SHAPE[1]))
