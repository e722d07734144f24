"""Apply an initialization to a whole model: one rule per layer type, each module once, shared weights included.

Source: the interfaces of ``torch.nn.init`` and ``torch.nn.Module.apply``; each rule has an entry of its own.
"""

import math

import torch
from torch import Tensor, nn


class MyNet(nn.Module):
    """A small image classifier.

    Args:
        classes: number of outputs.

    Shape:
        (batch, 3, height, width) -> (batch, classes)
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False),  # no bias: the norm that follows has one
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.head = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))


@torch.no_grad()  # nn.init has its own no_grad; the direct edits below need this one
def initialize_parameters(module: nn.Module, slope: float = 0.0) -> None:
    """Initialize one module's own parameters, and attention's output; for ``model.apply``, which visits the children.

    Args:
        module: any module; a type without a rule gets its own default anew, if it has ``reset_parameters``.
        slope: negative slope of the leaky ReLU that follows; 0 is a ReLU.
    """
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, a=slope, nonlinearity="leaky_relu")
        if module.bias is not None:  # None after bias=False
            nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        nn.init.kaiming_normal_(module.weight, a=slope, mode="fan_out", nonlinearity="leaky_relu")  # (in, out, *kernel)
        module.weight.mul_(math.sqrt(math.prod(module.stride) * module.groups))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        nn.init.normal_(module.weight, std=0.02)
        if module.padding_idx is not None:
            module.weight[module.padding_idx] = 0.0  # normal_ filled the padding row as well
    elif isinstance(module, (nn.RNNBase, nn.RNNCellBase)):  # RNN, GRU, LSTM and their cells
        remembers = isinstance(module, (nn.LSTM, nn.LSTMCell))
        for name, parameter in module.named_parameters():
            for place, gate in enumerate(parameter.split(module.hidden_size)):  # the gates are stacked
                if "bias" in name:  # LSTM adds its two biases: 1 for the forget gate, the second, in one of them
                    nn.init.constant_(gate, float(remembers and "bias_ih" in name and place == 1))
                elif "weight_hh" in name:
                    draw_orthogonal(gate)
                else:
                    nn.init.xavier_uniform_(gate)
    elif isinstance(module, nn.MultiheadAttention):  # its projections are bare parameters, which no Linear rule reaches
        for parameter in module.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)
    elif callable(reset := getattr(module, "reset_parameters", None)):  # norms, PReLU, layers of your own
        reset()


@torch.no_grad()
def draw_orthogonal(matrix: Tensor) -> None:
    """Fill a matrix with an orthogonal one, drawn in float32 or wider: its QR knows neither bfloat16 nor float16."""
    wide = torch.promote_types(matrix.dtype, torch.float32)
    matrix.copy_(nn.init.orthogonal_(torch.empty_like(matrix, dtype=wide)))


def initialize(model: nn.Module, slope: float = 0.0) -> list[str]:
    """Initialize every module once, children before parents and embeddings last, so that a tied head is an embedding.

    Returns:
        Names of the parameters that no rule wrote: they hold what the constructor gave them, or garbage after
        ``to_empty``. Writes through ``.data``, which torch does not count, are not noticed.
    """
    writes = {name: parameter._version for name, parameter in model.named_parameters()}  # writes in place
    visited: list[nn.Module] = []
    model.apply(visited.append)
    for module in sorted(dict.fromkeys(visited), key=lambda module: isinstance(module, nn.Embedding)):
        initialize_parameters(module, slope)
    return [name for name, parameter in model.named_parameters() if parameter._version == writes[name]]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = MyNet()
    print("written by no rule:", initialize(model))  # before the optimizer and before load_state_dict
    nn.init.normal_(model.head.weight, std=0.01)  # a rule by type cannot know that this is the last layer
    trained = model.features.state_dict()["0.weight"].clone()  # from here on: as if a checkpoint had been loaded

    model.head = nn.Linear(32, 5)  # fine-tuning: a new head, and only the head is initialized
    model.head.apply(initialize_parameters)
    print("backbone untouched", torch.equal(model.features.state_dict()["0.weight"], trained))
    print("output", tuple(model(torch.randn(2, 3, 8, 8)).shape))

    with torch.device("meta"):  # a large model: no memory, no random numbers
        large = MyNet()
    large.to_empty(device=torch.get_default_device())  # memory with garbage in it; make the optimizer after this line
    print("made on meta, written by no rule:", initialize(large))
