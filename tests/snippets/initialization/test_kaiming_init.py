"""Kaiming initialization: equal to torch bit for bit, closed form, and the claims of its page."""

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.kaiming_init.evidence import INITS, SEEDS, STEPS, train
from snippets.initialization.kaiming_init.from_scratch import kaiming_normal_, kaiming_normal_std, kaiming_uniform_
from snippets.initialization.kaiming_init.use import deep_relu_network, init_relu_layer
from tests.support.rates import learning_rate_times


def log_growth(variance: float, slope: float = 0.0, width: int = 256, depth: int = 50, nets: int = 8) -> float:
    """Mean over networks of log2 of the factor by which the second moment changes, per layer."""
    torch.manual_seed(0)
    total = 0.0
    for _ in range(nets):
        x = torch.randn(8, width)
        before = x.square().mean()
        for _ in range(depth):
            x = nn.functional.leaky_relu(x @ (torch.randn(width, width) * math.sqrt(variance / width)).T, slope)
        total += torch.log2(x.square().mean() / before).item()
    return total / nets / depth


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 3, 2), (5, 7, 3, 2, 4)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("a", [0.0, 0.25, math.sqrt(5)])
def test_equals_torch(shape, mode, a):
    """With the same seed the from-scratch functions draw what torch.nn.init draws, bit for bit."""
    for ours, theirs in [(kaiming_normal_, nn.init.kaiming_normal_), (kaiming_uniform_, nn.init.kaiming_uniform_)]:
        w = ours(torch.empty(shape), a, mode, torch.Generator().manual_seed(3))
        reference = theirs(torch.empty(shape), a=a, mode=mode, generator=torch.Generator().manual_seed(3))
        assert torch.equal(w, reference)


def test_bad_arguments():
    with pytest.raises(ValueError, match="no fan"):
        kaiming_normal_(torch.empty(3))
    with pytest.raises(ValueError, match="mode"):
        kaiming_normal_(torch.empty(3, 3), mode="fan_avg")


def test_layers_are_initialized():
    torch.manual_seed(0)
    layer = nn.Conv2d(64, 256, 3)
    init_relu_layer(layer)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 576), rel=0.01)  # 147,456 draws
    assert not layer.bias.any()
    norm = nn.BatchNorm1d(3)
    init_relu_layer(norm)
    assert torch.equal(norm.weight, torch.ones(3))


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.5])
def test_slope_of_the_code_is_the_activations(slope):
    """The standard deviation is that of a leaky ReLU of this slope; slope 0 is a ReLU's."""
    torch.manual_seed(0)
    for layer in (nn.Linear(200, 300), nn.Conv2d(50, 60, 3)):
        init_relu_layer(layer, slope=slope)
        n = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (1 + slope**2) / n), rel=0.02)


@pytest.mark.parametrize("depth", [5, 12])
def test_small_last_layer(depth):
    """With std 0.01 the first loss of ten classes is near log(10); with gain 1 the output has the inputs' size."""
    for seed in range(5):
        torch.manual_seed(seed)
        model = deep_relu_network(128, depth)
        head = nn.Linear(128, 10, bias=False)
        x, y = torch.randn(512, 128), torch.randint(10, (512,))
        features = model(x)
        init_relu_layer(head)
        by_rule = nn.functional.cross_entropy(head(features), y).item()
        nn.init.kaiming_normal_(head.weight, nonlinearity="linear")
        assert head.weight.std().item() == pytest.approx(1 / math.sqrt(128), rel=0.1)
        nn.init.normal_(head.weight, std=0.01)
        assert nn.functional.cross_entropy(head(features), y).item() == pytest.approx(math.log(10), abs=0.05)
        assert by_rule > math.log(10) + 0.2


def test_second_moment_stays():
    """After each of 50 ReLU layers of width 512 the second moment is within a factor of 10 of the input's."""
    for seed in range(5):
        torch.manual_seed(seed)
        y = x = torch.randn(16, 512)
        for layer in deep_relu_network(512, 50):
            with torch.no_grad():
                y = layer(y)
            if isinstance(layer, nn.ReLU):
                assert 0.1 < y.square().mean() / x.square().mean() < 10


def test_relu_halves_without_the_two():
    """With variance 1/n each ReLU layer halves the second moment; with 2/n it keeps it."""
    assert log_growth(1.0) == pytest.approx(-1, abs=0.05)  # fluctuation: log2(e) * 5 / (2 * 256) = 0.014 of bias
    assert log_growth(2.0) == pytest.approx(0, abs=0.05)


def test_leaky_slope_enters_the_gain():
    """A leaky ReLU of slope 0.5 keeps the second moment with variance 2 / (1.25 n), and gains 0.32 bits with 2/n."""
    assert kaiming_normal_std((10, 256), a=0.5) == pytest.approx(math.sqrt(2 / 1.25 / 256))
    assert log_growth(2 / 1.25, 0.5) == pytest.approx(0, abs=0.05)
    assert log_growth(2.0, 0.5) == pytest.approx(math.log2(1.25), abs=0.05)


def test_linear_default_is_a_sixth():
    """nn.Linear and nn.Conv2d draw with a = sqrt(5): a variance of 1/(3n), a sixth of what a ReLU needs."""
    for make in (lambda: nn.Linear(512, 300), lambda: nn.Conv2d(64, 128, 3)):
        torch.manual_seed(0)
        weight = make().weight
        torch.manual_seed(0)
        assert torch.equal(weight, kaiming_uniform_(torch.empty(weight.shape), a=math.sqrt(5)))
        he = kaiming_normal_std(tuple(weight.shape)) ** 2
        assert he == pytest.approx(2 / math.prod(weight.shape[1:]))
        assert weight.var().item() == pytest.approx(he / 6, rel=0.02)


def test_fan_out_keeps_the_gradient():
    """From 1024 to 256 features: fan_in keeps the second moment forward, fan_out the gradient's backward."""
    torch.manual_seed(0)
    forward, backward = {}, {}
    for mode in ("fan_in", "fan_out"):
        w = kaiming_normal_(torch.empty(256, 1024), mode=mode)
        hidden = torch.relu(torch.randn(64, 1024))  # the output of a ReLU layer: second moment 1/2
        forward[mode] = ((hidden @ w.T).square().mean() / (2 * hidden.square().mean())).item()
        gradient = torch.randn(64, 256) * (torch.rand(64, 256) < 0.5)  # the ReLU lets half of it pass
        backward[mode] = ((gradient @ w).square().mean() / (2 * gradient.square().mean())).item()
    assert forward["fan_in"] == pytest.approx(1, rel=0.05)
    assert backward["fan_out"] == pytest.approx(1, rel=0.05)
    assert forward["fan_out"] == pytest.approx(4, rel=0.05)
    assert backward["fan_in"] == pytest.approx(1 / 4, rel=0.05)


def test_only_kaiming_trains_twenty_layers(evidence):
    """50 layers: Kaiming keeps the signal, Xavier and torch's default lose it; 20 layers: Kaiming's train best.

    At 0.3 and 3 times the learning rate Kaiming's mean loss is the lowest, too.
    """
    final, size = {}, {}
    for name in INITS:
        signals, losses = (torch.tensor(evidence()[name][what]) for what in ("signals", "losses"))
        assert signals.shape == (SEEDS, 51)  # the input, and 50 layers
        assert losses.shape == (SEEDS, STEPS)
        size[name], final[name] = signals.median(0).values, losses[:, -1]
    assert size["Kaiming"].min() > 0.3
    assert size["Kaiming"].max() < 2
    assert size["Xavier"][-1] < 1e-7
    assert size["torch default"][-1] < 1e-19
    assert final["Kaiming"].mean() < 1 < final["Xavier"].mean() < final["torch default"].mean()
    assert final["Kaiming"].median() < 0.8 < 1 < final["Xavier"].median() < 1.9 < final["torch default"].median()
    x, y = two_hundred_digits()
    for factor in (0.3, 3):
        with learning_rate_times(factor):
            last = {name: sum(train(v, seed, x, y)[-1] for seed in range(SEEDS)) for name, v in INITS.items()}
        assert last["Kaiming"] < min(last["Xavier"], last["torch default"])


def two_hundred_digits() -> tuple[Tensor, Tensor]:
    """The experiment's images and labels."""
    digits = load_digits()
    x = torch.tensor(digits.data[:200], dtype=torch.float32)
    return (x - x.mean()) / x.std(), torch.tensor(digits.target[:200])


@pytest.mark.parametrize(("lr", "goal", "least", "most"), [(0.1, 0.5, 0, 4), (0.01, 0.01, 10, 10)])
def test_plain_networks_need_a_lower_rate(lr, goal, least, most):
    """Ten networks of eight ReLU layers, SGD with momentum 0.9: at 0.1 most stay above 0.5 or NaN, at 0.01 all learn.

    At 0.1 each run is chaotic: which one learns depends on how the CPU rounds. Two of ten did at most.
    """
    x, y = two_hundred_digits()
    losses = []
    for seed in range(10):
        torch.manual_seed(seed)
        model = nn.Sequential(deep_relu_network(width=64, depth=8), nn.Linear(64, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        model.apply(init_relu_layer)
        for _ in range(100):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert least <= sum(loss < goal for loss in losses) <= most  # NaN is not below


def test_two_layers_need_ten_steps_more():
    """With two layers all three train; torch's default ends where Kaiming was about ten steps before."""
    x, y = two_hundred_digits()
    runs = [torch.tensor([train(variance, seed, x, y, 2) for seed in range(SEEDS)]) for variance in INITS.values()]
    kaiming, xavier, default = (losses.median(0).values for losses in runs)
    assert max(kaiming[-1], xavier[-1], default[-1]) < math.log(10) / 2  # half of what guessing costs
    behind = STEPS - 1 - int((kaiming > default[-1]).sum())
    assert 7 <= behind <= 13
    assert kaiming[-1] < xavier[-1] < default[-1]


@pytest.mark.parametrize(("width", "least", "most"), [(4, 81, 100), (32, 0, 0)])
def test_narrow_networks_die(width, least, most):
    """Of 100 networks of 50 ReLU layers, biases 0, over 80 give one output for 64 inputs at width 4, none at 32."""
    torch.manual_seed(0)
    x = torch.randn(64, width)
    with torch.no_grad():
        dead = sum(bool((y == y[0]).all()) for y in (deep_relu_network(width, 50)(x) for _ in range(100)))
    assert least <= dead <= most


FUNCTIONS = [nn.init.kaiming_normal_, nn.init.kaiming_uniform_]
OTHERS = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
OTHERS += ["sigmoid", "tanh", "relu", "selu"]  # every name of calculate_gain but leaky_relu


def draw(function=nn.init.kaiming_normal_, **settings) -> Tensor:
    return function(torch.empty(50, 60), generator=torch.Generator().manual_seed(0), **settings)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_is_ignored_for_relu(function):
    """torch reads `a` only with nonlinearity="leaky_relu", its default; with every other name it is dropped."""
    for name in OTHERS:
        assert torch.equal(draw(function, a=0.25, nonlinearity=name), draw(function, a=0.0, nonlinearity=name)), name
    assert not torch.equal(draw(function, a=0.25), draw(function, a=0.0))
    assert not torch.equal(draw(function, a=0.25, nonlinearity="leaky_relu"), draw(function, a=0.0))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bare_call_is_relu(function):
    """Called without arguments, both torch functions use a = 0 and so ReLU's gain."""
    assert torch.equal(draw(function), draw(function, nonlinearity="relu"))


def test_uniform_has_the_same_variance():
    """torch's uniform version has the variance of the normal one: it reaches sqrt(3) standard deviations, not more."""
    for settings in ({}, {"a": 0.5}, {"mode": "fan_out"}):
        normal, uniform = (draw_large(function, **settings) for function in FUNCTIONS)
        assert (uniform.var() / normal.var()).item() == pytest.approx(1, rel=0.01)  # 480,000 draws
        assert (uniform.abs().max() / uniform.std()).item() == pytest.approx(math.sqrt(3), rel=0.01)


def draw_large(function, **settings) -> Tensor:
    return function(torch.empty(600, 800), generator=torch.Generator().manual_seed(0), **settings)


def gain(layer: nn.Module, channels: int, size: tuple[int, ...], edge: int) -> float:
    """Second moment of a layer's output away from the edges, over twice the input's, of which a ReLU keeps half."""
    x = torch.randn(4, channels, *size)  # only the mean square of the input counts
    with torch.no_grad():
        y = layer(x)[(..., *[slice(edge, -edge)] * len(size))]
    return (y.square().mean() / (2 * x.square().mean())).item()


def test_transposed_convolution_swaps_the_fans():
    """ConvTranspose2d(256, 16, 3): "fan_in" reads 16 channels, and the output has 16 times the variance asked for."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(256, 16, 3, bias=False)
    for mode, factor in [("fan_in", 16), ("fan_out", 1)]:
        nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
        assert gain(layer, 256, (12, 12), 2) == pytest.approx(factor, rel=0.15)


@pytest.mark.parametrize(
    ("layer", "size", "expected"),  # expected: 1 over strides and groups
    [
        (nn.ConvTranspose1d(64, 64, 4, stride=2, bias=False), (64,), 1 / 2),
        (nn.ConvTranspose2d(64, 64, 3, bias=False), (12, 12), 1),
        (nn.ConvTranspose2d(64, 64, 4, stride=2, bias=False), (12, 12), 1 / 4),
        (nn.ConvTranspose2d(64, 64, 3, stride=2, bias=False), (12, 12), 1 / 4),  # overlaps unevenly: on average
        (nn.ConvTranspose2d(64, 64, 2, stride=2, bias=False), (12, 12), 1 / 4),
        (nn.ConvTranspose2d(64, 64, (4, 3), stride=(2, 1), bias=False), (12, 12), 1 / 2),
        (nn.ConvTranspose2d(64, 64, 4, stride=2, groups=8, bias=False), (12, 12), 1 / 32),
        (nn.ConvTranspose3d(32, 32, 4, stride=2, bias=False), (6, 6, 6), 1 / 8),
    ],
)
def test_stride_thins_the_fan(layer, size, expected):
    """With fan_out the variance is 1 over strides and groups; after the code's factor it is right."""
    torch.manual_seed(0)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    assert gain(layer, layer.in_channels, size, 4) == pytest.approx(expected, rel=0.15)
    init_relu_layer(layer)
    assert gain(layer, layer.in_channels, size, 4) == pytest.approx(1, rel=0.15)


def test_depthwise_fan_out_is_too_small():
    """Conv2d(256, 256, 3, groups=256) with fan_out: std 0.029 for 0.471, and 1/256 of the second moment."""
    torch.manual_seed(0)
    layer = nn.Conv2d(256, 256, 3, groups=256, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    assert math.sqrt(2 / (256 * 9)) == pytest.approx(0.029, abs=0.0005)
    assert layer.weight.std().item() == pytest.approx(
        math.sqrt(2 / (256 * 9)), rel=0.06
    )  # four deviations of 2,304 draws
    assert math.sqrt(2 / 9) == pytest.approx(0.471, abs=0.001)
    assert gain(layer, 256, (24, 24), 1) == pytest.approx(1 / 256, rel=0.2)
    with torch.no_grad():
        layer.weight.mul_(math.sqrt(256))
    assert gain(layer, 256, (24, 24), 1) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(128, 128, 5, groups=128, bias=False),
        nn.Conv2d(256, 256, 3, groups=256, bias=False),
        nn.Conv2d(256, 128, 3, groups=8, bias=False),
        nn.Conv3d(64, 128, 3, groups=64, bias=False),
    ],
)
def test_fan_in_knows_groups(layer):
    """fan_in keeps the second moment of grouped and depthwise convolutions in 1-D to 3-D."""
    torch.manual_seed(0)
    init_relu_layer(layer)
    size = {3: (200,), 4: (24, 24), 5: (10, 10, 10)}[layer.weight.dim()]
    assert gain(layer, layer.in_channels, size, 1) == pytest.approx(1, rel=0.2)


def test_timm_divides_by_the_groups():
    """Each depthwise layer of MobileNetV2: std sqrt(2/9) in timm, sqrt(2 / (9 channels)) in torchvision."""
    from timm import create_model
    from torchvision.models import mobilenet_v2

    torch.manual_seed(0)
    for model, divides in [(create_model("mobilenetv2_100"), True), (mobilenet_v2(), False)]:
        depthwise = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
        assert len(depthwise) == 17
        for layer in depthwise:
            assert layer.groups == layer.in_channels == layer.out_channels
            due = math.sqrt(2 / 9 / (1 if divides else layer.groups))
            spread = 5 / math.sqrt(2 * layer.weight.numel())  # five standard errors of a standard deviation
            assert layer.weight.std().item() == pytest.approx(due, rel=spread)


@pytest.mark.parametrize(("name", "count"), [("resnet18", 20), ("resnet50", 53)])
def test_resnets_use_fan_out(name, count):
    """torchvision's and timm's ResNet-18 and ResNet-50 draw every convolution with fan_out, from a normal."""
    from timm import create_model
    from torchvision.models import get_model

    torch.manual_seed(0)
    for model in (create_model(name), get_model(name)):
        convolutions = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d)]
        assert len(convolutions) == count
        for w in convolutions:
            spread = 5 / math.sqrt(2 * w.numel())
            assert w.std().item() == pytest.approx(kaiming_normal_std(tuple(w.shape), mode="fan_out"), rel=spread)
            assert w.abs().max() > 2.5 * w.std()  # a uniform distribution ends at 1.73


@pytest.mark.parametrize(("eps", "tolerance"), [(1e-12, 1e-6), (1e-5, 0.02)])  # only the scale counts; the default
def test_batch_norm_turns_small_weights_into_large_gradients(eps, tolerance):
    """In front of a batch normalization, weights 16 times smaller get 16 times the gradient; the output is the same."""
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 8, 3, groups=8, bias=False, dtype=torch.float64)
    norm = nn.BatchNorm2d(8, eps=eps, dtype=torch.float64)
    x, target = torch.randn(2, 16, 8, 9, 9, dtype=torch.float64).unbind()
    found = []
    for factor in (1, 1 / 16):
        with torch.no_grad():
            layer.weight.mul_(factor)
        y = norm(layer(x))
        (gradient,) = torch.autograd.grad((y * target[:, :, 1:-1, 1:-1]).sum(), layer.weight)
        found.append((y, gradient))
    (y, gradient), (y_small, gradient_small) = found
    assert (y - y_small).norm() < tolerance * y.norm()
    assert (gradient_small - 16 * gradient).norm() < tolerance * (16 * gradient).norm()
