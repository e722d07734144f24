"""Which elements of a (batch, channel, height, width) tensor share statistics in EvoNorm-S0, by its gradients.

Source: Liu et al., "Evolving Normalization-Activation Layers", 2020.
"""

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.evonorm.from_scratch import EvoNormS0

if __name__ == "__main__":
    save_reach("evonorm-axes", "EvoNorm-S0, two groups", EvoNormS0(SHAPE[1], groups=2))
