"""Apply an initialization to a whole model: one rule per layer type, passed to ``Module.apply``.

Source: the interfaces of ``torch.nn.init`` and ``torch.nn.Module.apply``; each rule has an entry of its own.
"""

import torch
from torch import Tensor, nn

SLOPE = 0.25  # negative slope of the activation; the gain must be that of the activation really used


class MyNet(nn.Module):
    """A small image classifier.

    Args:
        classes: number of outputs.

    Shape:
        (batch, 3, height, width) -> (batch, classes)
    """

    def __init__(self, classes: int = 10) -> None:  # two underscores on both sides
        super().__init__()  # before any layer is assigned
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False),  # no bias: the norm that follows has one
            nn.BatchNorm2d(16),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.AdaptiveAvgPool2d(1),
        )
        self.head = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))


@torch.no_grad()  # nn.init has its own no_grad; the direct edits below need this one
def initialize_parameters(module: nn.Module) -> None:
    """Initialize one module's own parameters; for ``model.apply``, which visits the children too.

    Args:
        module: any module; types without a rule keep their values.
    """
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, a=SLOPE, nonlinearity="leaky_relu")
        if module.bias is not None:  # None after bias=False
            nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm)):
        if module.weight is not None:  # None after affine=False
            nn.init.ones_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if module.padding_idx is not None:
            module.weight[module.padding_idx] = 0.0  # normal_ filled the padding row as well
    elif isinstance(module, (nn.RNN, nn.GRU, nn.LSTM)):
        for name, parameter in module.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                continue
            for gate in parameter.split(module.hidden_size):  # the gates are stacked along dimension 0
                if "weight_hh" in name:
                    nn.init.orthogonal_(gate)
                else:
                    nn.init.xavier_uniform_(gate)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = MyNet()
    model.apply(initialize_parameters)  # before the optimizer and before load_state_dict
    print("parameters", sum(p.numel() for p in model.parameters()))
    print("all still trainable leaves", all(p.requires_grad and p.is_leaf for p in model.parameters()))
    trained = model.features.state_dict()["0.weight"].clone()  # from here on: as if a checkpoint had been loaded

    model.head = nn.Linear(32, 5)  # fine-tuning: a new head, and only the head is initialized
    model.head.apply(initialize_parameters)
    print("backbone untouched", torch.equal(model.features.state_dict()["0.weight"], trained))
    print("output", tuple(model(torch.randn(2, 3, 8, 8)).shape))
