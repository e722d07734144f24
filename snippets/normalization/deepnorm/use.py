"""A transformer layer with DeepNorm: torch's Post-LN layer with a larger skip connection and smaller weights.

Source: Wang et al., "DeepNet: Scaling Transformers to 1,000 Layers", 2022, figure 2.
"""

from typing import Any

import torch
from torch import Tensor, nn


def constants(encoder_layers: int, decoder_layers: int = 0) -> dict[str, tuple[float, float]]:
    """Factor alpha of the skip connections and gain beta of the weights, for encoder and decoder.

    Args:
        encoder_layers: layers of the encoder; 0 for a decoder alone.
        decoder_layers: layers of the decoder; 0 for an encoder alone.
    """
    n, m = encoder_layers, decoder_layers
    if not n or not m:
        return {"encoder" if n else "decoder": ((2 * (n + m)) ** 0.25, (8 * (n + m)) ** -0.25)}
    return {
        "encoder": (0.81 * (n**4 * m) ** (1 / 16), 0.87 * (n**4 * m) ** (-1 / 16)),
        "decoder": ((3 * m) ** 0.25, (12 * m) ** -0.25),
    }


class DeepNormLayer(nn.TransformerEncoderLayer):
    """``nn.TransformerEncoderLayer`` with DeepNorm; for a decoder alone, give it a causal mask.

    Args:
        features: length of a token's vector.
        heads: of the attention.
        layers: how many such layers the model has; alpha and beta follow from it.
        **settings: others of ``nn.TransformerEncoderLayer``, without ``norm_first``.
    """

    def __init__(self, features: int, heads: int, layers: int, **settings: Any) -> None:
        super().__init__(features, heads, **({"batch_first": True} | settings))
        ((self.alpha, beta),) = constants(layers).values()
        query, key, value = self.self_attn.in_proj_weight.detach().split(features)
        nn.init.xavier_normal_(query)
        nn.init.xavier_normal_(key)
        for weight in (value, self.self_attn.out_proj.weight, self.linear1.weight, self.linear2.weight):
            nn.init.xavier_normal_(weight, gain=beta)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Tokens (batch, position, features)."""
        x = self.norm1(self.alpha * src + self._sa_block(src, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(self.alpha * x + self._ff_block(x))


if __name__ == "__main__":
    torch.manual_seed(0)
    for layers in (6, 24, 100):
        alpha, beta = constants(layers)["encoder"]
        print(f"{layers} layers: alpha {alpha:.2f}, beta {beta:.2f}")
    model = nn.Sequential(*(DeepNormLayer(32, heads=4, layers=24, dim_feedforward=64) for _ in range(24)))
    out = model(torch.randn(2, 10, 32))
    print(f"standard deviation after 24 layers: {out.std().item():.2f}")
