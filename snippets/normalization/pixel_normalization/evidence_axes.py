"""Which elements of a (batch, channel, height, width) tensor share statistics in pixel normalization, by its gradients.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2017
"""

from snippets.experiment import save_reach
from snippets.normalization.pixel_normalization.use import PixelNorm

if __name__ == "__main__":
    save_reach("pixel-normalization-axes", "pixel normalization", PixelNorm())
