"""Which elements of a (batch, channel, height, width) tensor share statistics in filter response normalization.

Source: Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
Neural Networks", 2019.
"""

from torch import Tensor, nn

from snippets.experiment import save_reach


class FilterResponse(nn.Module):
    """Without scale, shift and threshold, none of which brings another element in."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        return nn.functional.rms_norm(x, x.shape[2:], eps=1e-6)


if __name__ == "__main__":
    save_reach("filter-response-normalization-axes", "filter response normalization", FilterResponse())
