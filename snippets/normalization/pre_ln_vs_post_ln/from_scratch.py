"""One transformer encoder layer with the LayerNorms before or after; it takes the weights of torch's layer.

Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
"""

import torch
from torch import Tensor, nn


class EncoderLayer(nn.Module):
    """Self-attention and a ReLU network, each with a skip connection.

    Args:
        width: features of a token.
        heads: attention heads; they divide the width.
        hidden: units of the ReLU network.
        pre: normalize the input of each branch; otherwise the sum of branch and skip connection.
    """

    def __init__(self, width: int, heads: int, hidden: int, pre: bool = True) -> None:
        super().__init__()
        self.pre = pre
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attention(self, x: Tensor) -> Tensor:
        """Each token gathers from all."""
        return self.self_attn(x, x, x, need_weights=False)[0]

    def network(self, x: Tensor) -> Tensor:
        """Each token by itself."""
        return self.linear2(torch.relu(self.linear1(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (batch, tokens, width); the shape stays."""
        if self.pre:
            x = x + self.attention(self.norm1(x))
            return x + self.network(self.norm2(x))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.network(x))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 5, 32)
    for pre in (True, False):
        ours = EncoderLayer(32, 4, 64, pre)
        theirs = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=pre)
        ours.load_state_dict(theirs.state_dict())
        difference = (ours(x) - theirs(x)).abs().max().item()
        print(f"norm_first={pre}: differs from torch's layer by less than 1e-5: {difference < 1e-5}")
