"""Which elements of a (batch, channel, height, width) tensor share statistics in a mixture of two, by its gradients.

Source: Nam and Kim, "Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks", 2018.
"""

from torch import Tensor, nn

from snippets.experiment import save_reach


class Mixture(nn.Module):
    """Batch and instance normalization in equal parts."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, height, width)."""
        by_batch = nn.functional.batch_norm(x, None, None, training=True)
        return 0.5 * by_batch + 0.5 * nn.functional.instance_norm(x)


if __name__ == "__main__":
    save_reach("batch-instance-normalization-axes", "batch-instance normalization", Mixture())
