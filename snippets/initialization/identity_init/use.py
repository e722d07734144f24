"""Identity initialization: a ReLU recurrent network that starts by remembering everything (IRNN).

Source: Le et al., "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def identity_init_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a matrix in place with ``gain`` times the identity; what is not square gets as much of it as fits.

    Args:
        tensor: weight, (out_features, in_features).
        gain: value on the diagonal; under 1 the memory fades.
        generator: unused, since nothing is random.

    Raises:
        ValueError: unless the tensor has two dimensions.
    """
    return nn.init.eye_(tensor).mul_(gain)


def irnn(input_size: int, hidden_size: int, gain: float = 1.0) -> nn.RNN:
    """A one-layer ReLU recurrent network with identity hidden weights, small normal input weights and zero biases.

    Shape:
        (time, batch, input_size) -> (time, batch, hidden_size)
    """
    rnn = nn.RNN(input_size, hidden_size, nonlinearity="relu")
    for name, parameter in rnn.named_parameters():
        if name.startswith("weight_hh"):
            identity_init_(parameter, gain)
        elif name.startswith("weight_ih"):
            nn.init.normal_(parameter, std=0.001)
        else:
            nn.init.zeros_(parameter)
    return rnn


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(4, 32)  # (batch, features)
    layer = nn.Linear(32, 32, bias=False)
    identity_init_(layer.weight)
    print("the layer returns its input:", torch.equal(layer(x), x))
    model = irnn(8, 32)
    state = torch.rand(1, 4, 32)  # (layers, batch, hidden), not negative
    silence = torch.zeros(200, 4, 8)  # (time, batch, features)
    print("the state of 200 steps ago is still there:", torch.equal(model(silence, state)[1], state))
