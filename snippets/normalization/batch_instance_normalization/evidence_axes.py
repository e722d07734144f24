"""Which elements of a (batch, channel, height, width) tensor share statistics in a mixture of two, by its gradients.

Source: Nam and Kim, "Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks", 2018.
"""

from torch import nn

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.batch_instance_normalization.use import BatchInstanceNorm

if __name__ == "__main__":
    layer = BatchInstanceNorm(SHAPE[1])
    nn.init.constant_(layer.gate, 0.5)  # of 1 at the start, batch normalization alone
    save_reach("batch-instance-normalization-axes", "batch-instance normalization", layer)
