"""Which elements of a (batch, channel, height, width) tensor share statistics in a mixture of three, by its gradients.

Source: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018.
"""

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.switchable_normalization.use import SwitchNorm

if __name__ == "__main__":
    save_reach("switchable-normalization-axes", "switchable normalization", SwitchNorm(SHAPE[1]))
