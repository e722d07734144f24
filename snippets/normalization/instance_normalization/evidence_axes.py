"""Which elements of a (batch, channel, height, width) tensor share statistics in instance normalization: gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import nn

from snippets.experiment import SHAPE, save_reach

if __name__ == "__main__":
    save_reach("instance-normalization-axes", "instance normalization", nn.InstanceNorm2d(SHAPE[1]))
