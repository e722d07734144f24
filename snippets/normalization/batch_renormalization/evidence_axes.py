"""Which elements of a (batch, channel, height, width) tensor share statistics in batch renorm, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.batch_renormalization.from_scratch import BatchRenorm

if __name__ == "__main__":
    save_reach("batch-renormalization-axes", "batch renormalization", BatchRenorm(SHAPE[1]))
