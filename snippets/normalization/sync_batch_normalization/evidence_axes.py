"""Which elements of a (batch, channel, height, width) tensor share statistics on three devices, by their gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.sync_batch_normalization.from_scratch import SyncBatchNorm

if __name__ == "__main__":
    layer = SyncBatchNorm(SHAPE[1], devices=3)  # one sample on each
    save_reach("sync-batch-normalization-axes", "synchronized, each sample on its own device", layer)
