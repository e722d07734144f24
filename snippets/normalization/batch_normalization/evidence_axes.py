"""Which elements of a (batch, channel, height, width) tensor share statistics in batch normalization, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import nn

from snippets.experiment import SHAPE, save_reach

if __name__ == "__main__":
    save_reach("batch-normalization-axes", "batch normalization", nn.BatchNorm2d(SHAPE[1]))
