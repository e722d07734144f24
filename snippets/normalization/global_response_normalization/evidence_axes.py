"""Which elements of a (batch, channel, height, width) tensor share statistics in GRN, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import nn

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.global_response_normalization.from_scratch import GlobalResponseNorm

if __name__ == "__main__":
    layer = GlobalResponseNorm(SHAPE[1])
    nn.init.ones_(layer.weight)  # of 0 at the start, which makes it the identity
    save_reach("global-response-normalization-axes", "global response normalization", layer)
