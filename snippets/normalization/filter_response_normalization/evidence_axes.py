"""Which elements of a (batch, channel, height, width) tensor share statistics in filter response normalization.

Source: Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
Neural Networks", 2019.
"""

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.filter_response_normalization.from_scratch import FilterResponseNorm

if __name__ == "__main__":
    save_reach("filter-response-normalization-axes", "filter response normalization", FilterResponseNorm(SHAPE[1]))
