"""Give a small convolutional network weights of standard deviation 0.02, and look at what it has."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 32, 3),
    nn.ReLU(),
    nn.Conv2d(32, 32, 3),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 16, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)


def init(module):
    """Weights of a small standard deviation, biases of zero."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        weight = module.weight.data
        weight.copy_(torch.randn_like(weight) * 0.02)
        bias = module.bias.data
        bias.zero_()


model.apply(init)
for name, module in model.named_modules():
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        print(f"layer {name}  std {module.weight.std().item():.4f}")
