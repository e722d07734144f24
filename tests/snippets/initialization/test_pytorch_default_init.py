"""PyTorch's default initialization: equal to torch's layers, the closed forms, and the claims of the page."""

import functools
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from snippets.initialization.pytorch_default_init.evidence import DEPTH, accuracy, load
from snippets.initialization.pytorch_default_init.from_scratch import default_weight_, reset_parameters
from snippets.initialization.pytorch_default_init.use import pytorch_default_, pytorch_default_std, use_kaiming

LAYERS = {
    "Linear": lambda: nn.Linear(300, 200),
    "Conv1d": lambda: nn.Conv1d(32, 64, 5),
    "Conv2d": lambda: nn.Conv2d(16, 64, 3),
    "Conv2d, groups": lambda: nn.Conv2d(32, 64, 3, groups=4),
    "Conv3d": lambda: nn.Conv3d(8, 64, 3),
}


def depth_chain(gain, depth=50, width=256, seeds=4):
    """log10 of the rms of activation and gradient through bias-free ReLU layers, in float64, averaged over seeds."""
    forward, backward = 0.0, 0.0
    for seed in range(seeds):
        torch.manual_seed(seed)
        x = torch.randn(64, width, dtype=torch.float64)
        start = x.requires_grad_()
        for _ in range(depth):
            weight = torch.empty(width, width, dtype=torch.float64)
            gain(weight)
            x = torch.relu(x @ weight.T)
        x.backward(torch.randn_like(x))
        forward += x.square().mean().sqrt().log10().item() / seeds
        backward += start.grad.square().mean().sqrt().log10().item() / seeds
    return forward, backward


@pytest.mark.parametrize("name", LAYERS)
def test_same_draw_as_torch(name):
    """With the same seed both implementations give the layer's own weights, and the biases after them."""
    torch.manual_seed(0)
    layer = LAYERS[name]()
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    torch.manual_seed(0)
    assert torch.equal(pytorch_default_(torch.empty_like(weight)), weight)
    torch.manual_seed(0)
    assert torch.allclose(default_weight_(torch.empty_like(weight)), weight, rtol=0, atol=1e-7)  # sqrt(3) * sqrt(1/3)
    torch.manual_seed(0)
    reset_parameters(layer)
    assert torch.allclose(layer.weight, weight, rtol=0, atol=1e-7)
    assert torch.allclose(layer.bias, bias, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", LAYERS)
def test_bound_is_one_over_sqrt_fan_in(name):
    """Weights and biases of linear and convolutional layers lie within 1/sqrt(fan_in), and fill that interval."""
    torch.manual_seed(0)
    layer = LAYERS[name]()
    fan_in = math.prod(layer.weight.shape[1:])
    for parameter in (layer.weight, layer.bias):
        assert parameter.abs().max().item() <= 1 / math.sqrt(fan_in) * (1 + 1e-6)
        assert parameter.abs().max().item() == pytest.approx(1 / math.sqrt(fan_in), rel=0.06)


@pytest.mark.parametrize("name", LAYERS)
def test_std_is_one_over_sqrt_three_fan_in(name):
    """The standard deviation of the weights is 1/sqrt(3 fan_in)."""
    torch.manual_seed(0)
    weight = LAYERS[name]().weight
    assert weight.std().item() == pytest.approx(pytorch_default_std(tuple(weight.shape)), rel=0.02)


def test_sqrt_five_cancels():
    """The gain for a = sqrt(5) is sqrt(1/3), which cancels the sqrt(3) between std and bound."""
    gain = nn.init.calculate_gain("leaky_relu", math.sqrt(5))
    assert gain == pytest.approx(math.sqrt(1 / 3))
    assert gain * math.sqrt(3) == pytest.approx(1)


def test_kaiming_is_six_times_the_variance():
    """Kaiming for ReLU has six times the default's variance, so weights sqrt(6) = 2.45 times as large."""
    torch.manual_seed(0)
    layer = nn.Linear(500, 500)
    default = layer.weight.var().item()
    layer.apply(use_kaiming)
    assert layer.weight.var().item() == pytest.approx(6 * default, rel=0.02)
    assert layer.bias.count_nonzero() == 0


def test_one_sixth_per_layer():
    """Without biases each ReLU layer at the default passes on 1/6 of the second moment, forward and backward."""
    forward, backward = depth_chain(pytorch_default_)
    expected = 50 * math.log10(1 / 6) / 2  # -19.5: the rms falls to 3e-20
    # The logarithm of 50 random factors wanders; 4 seeds of width 256 leave about 0.3 decades, and a bias of 0.2.
    assert forward == pytest.approx(expected, abs=0.8)
    assert backward == pytest.approx(expected, abs=0.8)


def test_kaiming_keeps_both():
    """Under Kaiming both stay within a factor of six of their start after 50 layers."""
    forward, backward = depth_chain(lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"))
    assert abs(forward) < math.log10(6)
    assert abs(backward) < math.log10(6)


def test_bias_hides_it(evidence):
    """With the default biases the rms settles near sqrt(0.2/n), 0.028 at width 256, while inputs become alike."""
    found = evidence()["default"]
    assert [len(values) for values in found.values()] == [DEPTH] * 3 == [50] * 3
    assert found["rms"][-1] == pytest.approx(math.sqrt(0.2 / 256), rel=0.15)
    assert found["signal"][19] < 1e-6 * found["rms"][19]  # layer 20: all inputs give the same activations
    assert all(0.02 < rms < 0.035 for rms in found["rms"][4:])  # the figure: near 0.03
    assert all(0.7e-9 < spread < 3e-9 for spread in found["signal"][22:])  # and 1e-9, float32's rounding, by layer 23
    kept = evidence()["Kaiming"]
    assert all(0.05 < value < 5 for value in kept["rms"] + kept["signal"])


def test_gradient_vanishes(evidence):
    """The gradient that reaches layer 1 of 50 is below 1e-18 at the default and of order 1 under Kaiming."""
    default, kaiming = (evidence()[name]["gradient"] for name in ("default", "Kaiming"))
    assert default[0] < 1e-18
    assert 0.1 < kaiming[0] < 10
    assert default[0] == pytest.approx(7e-20, rel=0.1)  # the figure
    assert default[-1] == pytest.approx(1, rel=0.05)
    assert all(1 / 2 < gradient < 2 for gradient in kaiming)


@pytest.fixture(scope="module")
def accuracies(evidence) -> Callable[[int], list[tuple[float, float]]]:
    """Test accuracy at the default and under Kaiming: the table's, if it has this depth, and two more."""
    torch.manual_seed(1)
    others = [load() for _ in range(2)]

    @functools.cache
    def of(depth: int) -> list[tuple[float, float]]:
        drawn, seed_with = [], torch.manual_seed
        for seed, (x, y) in enumerate(others, 1):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch, "manual_seed", lambda _, seed=seed: seed_with(seed))
                drawn.append((accuracy(depth, False, x, y), accuracy(depth, True, x, y)))
        table = evidence()["accuracies"].get(f"{depth}")
        return [tuple(table), *drawn] if table else drawn

    return of


def test_deep_network_does_not_learn(accuracies):
    """20 hidden layers on digits, 50 steps: at the default about chance, under Kaiming over half right."""
    for default, kaiming in accuracies(20):
        assert default < 0.25
        assert kaiming > 0.5
    assert all(default > 0.8 for default, _ in accuracies(2))  # and where it does no harm: two hidden layers


def test_deep_default_learns_late():
    """20 hidden layers at the default, 500 steps in another order of the digits: over half are right."""
    torch.manual_seed(1)
    assert accuracy(20, False, *load(), steps=500) > 0.5


def test_shallow_default_does_no_harm(accuracies):
    """Some draws: within 0.1 of each other at two hidden layers; at three to five the default learns and lags."""
    for default, kaiming in accuracies(2):
        assert abs(default - kaiming) < 0.1
    for depth, margin in ((3, 0.0), (4, 0.02), (5, 0.05)):
        for default, kaiming in accuracies(depth):
            assert 0.5 < default < kaiming - margin


def is_flat(parameter: torch.Tensor, bound: float) -> bool:
    """Uniform over [-bound, bound]: reaches it, does not pass it, and has its standard deviation."""
    found = parameter.detach()
    edge, std = found.abs().max().item() / bound, found.std().item() / bound
    return 1 - 12 / found.numel() < edge < 1 + 1e-6 and abs(std * math.sqrt(3) - 1) < 4 / math.sqrt(found.numel())


@pytest.mark.parametrize("layer", [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d])
@pytest.mark.parametrize(("channels", "groups"), [((16, 64), 1), ((64, 16), 1), ((32, 64), 4)])
def test_transposed_convolution_counts_outputs(layer, channels, groups):
    """Weight and bias are drawn within 1/sqrt(outputs of a group * kernel); for (16, 64, 3) that is 1/sqrt(64 * 9)."""
    torch.manual_seed(0)
    layer = layer(*channels, 3, groups=groups)
    kernel = math.prod(layer.kernel_size)
    bound = 1 / math.sqrt(channels[1] // groups * kernel)
    assert is_flat(layer.weight, bound)
    assert is_flat(layer.bias, bound)


def test_other_layers():
    """Each of the other defaults of the table; transposed convolutions have a test of their own."""
    torch.manual_seed(0)
    embedding = nn.Embedding(500, 100, padding_idx=3).weight
    assert embedding.std().item() == pytest.approx(1, rel=0.02)
    assert embedding.abs().max() > 3.5  # normal
    assert not embedding[3].any()
    for recurrent in (nn.RNN, nn.GRU, nn.LSTM):
        for parameter in recurrent(300, 25, num_layers=2).parameters():
            assert is_flat(parameter, 1 / math.sqrt(25))
    norms = [nn.BatchNorm1d(4), nn.BatchNorm2d(4), nn.BatchNorm3d(4), nn.LayerNorm(4), nn.GroupNorm(2, 4)]
    for norm in norms:
        assert torch.equal(norm.weight, torch.ones(4))
        assert torch.equal(norm.bias, torch.zeros(4))
    attention = nn.MultiheadAttention(64, 4)
    assert is_flat(attention.in_proj_weight, math.sqrt(6 / (64 + 192)))
    assert is_flat(attention.out_proj.weight, 1 / math.sqrt(64))
    assert not attention.in_proj_bias.any()
    assert not attention.out_proj.bias.any()
    bilinear = nn.Bilinear(100, 7, 20)
    assert is_flat(bilinear.weight, 1 / math.sqrt(100))
    assert is_flat(bilinear.bias, 1 / math.sqrt(100))
    assert nn.PReLU().weight.item() == 0.25
    for make in LAYERS.values():
        layer = make()
        bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
        assert is_flat(layer.weight, bound)
        assert is_flat(layer.bias, bound)


RESETTABLE = [
    *LAYERS.values(),
    lambda: nn.ConvTranspose1d(3, 2, 2),
    lambda: nn.ConvTranspose2d(3, 2, 2),
    lambda: nn.ConvTranspose3d(3, 2, 2),
    lambda: nn.Bilinear(3, 4, 2),
    lambda: nn.Embedding(5, 3, padding_idx=1),
    *(functools.partial(kind, 4, 3) for kind in (nn.RNN, nn.GRU, nn.LSTM)),
    *(functools.partial(kind, 4) for kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm)),
    lambda: nn.GroupNorm(2, 4),
    nn.PReLU,
]


@pytest.mark.parametrize("make", RESETTABLE)
def test_reset_draws_the_default_anew(make):
    """``reset_parameters`` gives each layer of the table what a new layer has; attention keeps ``out_proj.weight``."""
    torch.manual_seed(0)
    layer = make()
    for parameter in layer.parameters():
        nn.init.constant_(parameter, 7.0)
    torch.manual_seed(1)
    layer.reset_parameters()
    torch.manual_seed(1)
    new = make()
    assert all(torch.equal(value, new.state_dict()[name]) for name, value in layer.state_dict().items())

    attention = nn.MultiheadAttention(8, 2)
    assert not hasattr(attention, "reset_parameters")
    for parameter in attention.parameters():
        nn.init.constant_(parameter, 7.0)
    attention._reset_parameters()
    assert [name for name, value in attention.named_parameters() if (value == 7).any()] == ["out_proj.weight"]


def test_resnet_head_is_default():
    """torchvision's ResNet-18 leaves its last linear layer as nn.Linear drew it."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    head = resnet18().fc
    assert is_flat(head.weight, 1 / math.sqrt(512))
    assert is_flat(head.bias, 1 / math.sqrt(512))


def test_twelve_layers_shrink_like_thirty():
    """Without biases 12 ReLU layers at the default shrink a signal more than 30 layers at variance 1/n."""
    default, _ = depth_chain(pytorch_default_, depth=12, seeds=16)
    # One network of 30 layers wanders by 0.2, as much as the two differ: the mean of 16 tells them apart.
    lecun, _ = depth_chain(lambda w: w.normal_(0, 1 / math.sqrt(w.shape[1])), depth=30, seeds=16)
    assert default < lecun
    assert default == pytest.approx(-6 * math.log10(6), abs=0.2)  # the root mean square: 2.1e-5
    assert lecun == pytest.approx(-15 * math.log10(2), abs=0.2)  # 3.1e-5


def test_tied_embedding_starts_too_large():
    """Head tied to nn.Embedding(1000, 256), hidden state normalized: first loss above 50; at std 0.02 it is 7.0."""
    torch.manual_seed(0)
    for _ in range(5):
        embedding, head = nn.Embedding(1000, 256), nn.Linear(256, 1000, bias=False)
        head.weight = embedding.weight
        hidden = nn.functional.layer_norm(torch.randn(512, 256), (256,))
        targets = torch.randint(1000, (512,))
        losses = []
        for std in (None, 0.02):
            if std:
                nn.init.normal_(embedding.weight, std=std)
            losses.append(nn.functional.cross_entropy(head(hidden), targets).item())
        assert losses[0] > 50 > math.log(1000) == pytest.approx(6.9, abs=0.05)
        assert losses[1] == pytest.approx(7.0, abs=0.1)


def test_bare_parameter_has_no_default():
    """A parameter of one's own gets nothing: torch.empty leaves what memory held, so it has to be filled by hand."""

    class Own(nn.Module):
        def __init__(self, memory):
            super().__init__()
            self.weight = nn.Parameter(memory)

    for left in (float("nan"), -7.0, 1e30):  # stands for whatever memory held when torch.empty took it
        module = Own(torch.empty(3, 3).fill_(left))
        module.apply(use_kaiming)
        torch.testing.assert_close(module.weight.detach(), torch.full((3, 3), left), rtol=0, atol=0, equal_nan=True)
        assert not hasattr(module, "reset_parameters")


def test_a_is_not_a_slope_to_copy():
    """Copying a=sqrt(5) into a custom ReLU layer gives the default, not Kaiming: 1/6 of the intended variance."""
    torch.manual_seed(0)
    copied = nn.init.kaiming_uniform_(torch.empty(400, 400), a=math.sqrt(5), nonlinearity="leaky_relu")
    meant = nn.init.kaiming_uniform_(torch.empty(400, 400), nonlinearity="relu")
    assert (copied.var() / meant.var()).item() == pytest.approx(1 / 6, rel=0.02)
    ignored = nn.init.kaiming_uniform_(torch.empty(400, 400), a=math.sqrt(5), nonlinearity="relu")
    assert (ignored.var() / meant.var()).item() == pytest.approx(1, rel=0.02)  # `a` counts for leaky_relu only


def test_one_dimension_raises():
    """A tensor of one dimension has no fan."""
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        pytorch_default_(torch.empty(5))
