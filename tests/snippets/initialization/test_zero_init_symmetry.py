"""Zero initialization and symmetry: exact zeros, equal units, and the claims of the page."""

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import snippets.initialization.zero_init_symmetry.evidence as experiment
from snippets.initialization.zero_init_symmetry.evidence import EVERY, SEEDS, learning_curve, make_model, rank
from snippets.initialization.zero_init_symmetry.use import distinct_units
from tests.support.rates import learning_rate_times

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01),
}


def data(outputs=3):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 5, generator=generator, dtype=torch.float64)
    return x, torch.randn(64, outputs, generator=generator, dtype=torch.float64)


def network(value, activation=nn.Tanh, extra=()):
    model = nn.Sequential(nn.Linear(5, 8), activation(), *extra, nn.Linear(8, 3)).double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    return model


def assert_units_equal(model):
    """Incoming weights, bias and outgoing weights of every hidden unit are those of the first one."""
    # Equal in exact arithmetic; float64 sums may be ordered differently for different rows.
    for unit in (model[0].weight, model[0].bias, model[-1].weight.T):
        assert (unit - unit[0]).abs().max() < 1e-9


def steps(model, x, y, optimizer="Adam", n=30):
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    for _ in range(n):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.GELU])
def test_zeros_have_zero_hidden_gradients(activation):
    """With all parameters zero every weight gradient is exactly 0; only the last bias receives one."""
    x, y = data()
    model = network(0.0, activation)
    nn.functional.mse_loss(model(x), y).backward()
    gradients = {name: parameter.grad.abs().max().item() for name, parameter in model.named_parameters()}
    assert gradients.pop("2.bias") > 0.01
    assert set(gradients.values()) == {0.0}
    steps(model, x, y)
    learned = {name for name, parameter in model.named_parameters() if parameter.count_nonzero() > 0}
    assert learned == {"2.bias"}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_zeros_learn_a_constant(optimizer):
    """After training from zeros the output is the same for every input: the weights never move."""
    x, y = data()
    model = network(0.0)
    steps(model, x, y, optimizer)
    assert model[0].weight.count_nonzero() == 0
    assert model[2].weight.count_nonzero() == 0
    assert model(x).std(0).max().item() == 0
    assert model[2].bias.count_nonzero() == 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_constant_units_stay_equal(optimizer):
    """Started from one constant, the units of a layer change, in weights and bias, and stay equal: four optimizers."""
    x, y = data()
    model = network(0.5)
    steps(model, x, y, optimizer)
    weight = model[0].weight.detach()
    for parameter in (model[0].weight, model[0].bias, model[2].weight):
        assert (parameter - 0.5).abs().max() > 0.01
    assert_units_equal(model)
    assert distinct_units(weight) == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_sigmoid_units_stay_equal(optimizer):
    """From zeros a sigmoid's 0.5 gives the weights a gradient: they learn, and the units stay copies of one another."""
    x, y = data()
    model = network(0.0, nn.Sigmoid)
    steps(model, x, y, optimizer)
    assert model[0].weight.count_nonzero() == 40
    assert model[2].weight.count_nonzero() == 24
    assert_units_equal(model)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.GELU, nn.SiLU, nn.ReLU])
def test_one_zero_layer_learns_but_not_before_relu(activation):
    """One zero hidden layer, bias too, before a random one: with tanh, GELU and SiLU it learns, with ReLU never."""
    torch.manual_seed(0)
    x, y = data()
    model = nn.Sequential(nn.Linear(5, 8), activation(), nn.Linear(8, 3)).double()
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    before = nn.functional.mse_loss(model(x), y).item()
    steps(model, x, y, n=200)
    after = nn.functional.mse_loss(model(x), y).item()
    if activation is nn.ReLU:
        assert model[0].weight.count_nonzero() == 0
        assert model[0].bias.count_nonzero() == 0
        assert model(x).std(0).max() == 0
    else:
        assert distinct_units(model[0].weight) == 8
        assert after < 0.7 * before


def test_lora_needs_one_random_factor():
    """W + BA, B = 0, random A: B has a gradient at once and A from step two; with both zero neither ever has one."""
    x, y = data()
    for random in (True, False):
        torch.manual_seed(0)
        weight = torch.randn(3, 5, dtype=torch.float64)
        a = (torch.randn(2, 5, dtype=torch.float64) * random).requires_grad_()
        b = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([a, b], lr=0.01)
        found = []
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.mse_loss(x @ (weight + b @ a).T, y).backward()
            found.append((a.grad.abs().max().item() > 0, b.grad.abs().max().item() > 0))
            optimizer.step()
        assert found == ([(False, True)] + [(True, True)] * 4 if random else [(False, False)] * 5)


def test_zero_convolution_learns():
    """ControlNet's form, x + zero(copy(x + zero(condition))): the outer zero learns in step one, the inner in two."""
    torch.manual_seed(0)
    copy = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU())
    inner, outer = nn.Conv2d(2, 3, 1), nn.Conv2d(8, 3, 1)
    for parameter in (*inner.parameters(), *outer.parameters()):
        nn.init.zeros_(parameter)
    x, condition, target = (torch.randn(4, channels, 6, 6) for channels in (3, 2, 3))
    optimizer = torch.optim.SGD([*copy.parameters(), *inner.parameters(), *outer.parameters()], lr=0.1)
    for step in range(2):
        y = x + outer(copy(x + inner(condition)))
        assert step > 0 or torch.equal(y, x)
        optimizer.zero_grad()
        nn.functional.mse_loss(y, target).backward()
        assert outer.weight.grad.count_nonzero() == outer.weight.numel()
        assert inner.weight.grad.count_nonzero() == (inner.weight.numel() if step else 0)
        assert (copy[0].weight.grad.count_nonzero() > 0) == (step > 0)
        optimizer.step()


def test_width_is_wasted():
    """Before and after training, a network of eight equal units computes one unit's output, counted eight times."""
    x, y = data()
    wide = network(0.5)
    for trained in (False, True):
        if trained:
            steps(wide, x, y)
        one_unit = torch.tanh(x @ wide[0].weight[0] + wide[0].bias[0])
        torch.testing.assert_close(wide(x), 8 * one_unit.outer(wide[2].weight[:, 0]) + wide[2].bias)
        assert torch.linalg.matrix_rank(wide[1](wide[0](x)), rtol=1e-9) == 1


def test_one_random_layer_is_enough():
    """Zeros in the last layer alone: it learns in the first step, and the two layers before it in the second."""
    torch.manual_seed(0)
    x, y = data()
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    nn.init.zeros_(model[4].weight)
    nn.init.zeros_(model[4].bias)
    before = {index: model[index].weight.detach().clone() for index in (0, 2)}
    steps(model, x, y, "SGD", n=1)
    assert all(torch.equal(model[index].weight, weight) for index, weight in before.items())  # out of reach
    assert model[4].weight.abs().min() > 0
    steps(model, x, y, "SGD", n=1)
    assert all((model[index].weight != weight).all() for index, weight in before.items())


def test_first_loss_is_log_classes():
    """With a zero last layer the first loss is log(classes), whatever the layers before it and the labels."""
    misses = []
    for seed in range(20):
        torch.manual_seed(seed)
        x, y = torch.randn(32, 64), torch.randint(10, (32,))
        kaiming, zero = (nn.functional.cross_entropy(make_model(start)(x), y) for start in ("Kaiming", "last layer 0"))
        assert zero.item() == pytest.approx(math.log(10), rel=1e-6)  # float32
        misses.append(abs(kaiming.item() - math.log(10)))
    assert sum(misses) / len(misses) > 0.05  # a random last layer misses it by about 0.1


def test_biases_may_be_zero():
    """Zero biases break no symmetry and need not: with random weights every unit differs."""
    torch.manual_seed(0)
    x, y = data()
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    nn.init.zeros_(model[0].bias)
    nn.init.zeros_(model[2].bias)
    steps(model, x, y)
    assert distinct_units(model[0].weight) == 8
    assert model[0].bias.unique().numel() == 8


@pytest.mark.parametrize("loss_fn", [nn.functional.cross_entropy, nn.functional.mse_loss], ids=["logistic", "linear"])
def test_no_hidden_layer_no_symmetry(loss_fn):
    """Logistic and linear regression may start from zeros: they are convex, and both starts reach the same loss."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 5, generator=generator, dtype=torch.float64)
    y = (x[:, 0] + 0.5 * torch.randn(200, generator=generator, dtype=torch.float64) > 0).long()
    y = y if loss_fn is nn.functional.cross_entropy else nn.functional.one_hot(y).double()
    losses = []
    for zero in (True, False):
        torch.manual_seed(1)
        model = nn.Linear(5, 2).double()
        if zero:
            nn.init.zeros_(model.weight)
            nn.init.zeros_(model.bias)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=100)

        def closure(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)
        losses.append(loss_fn(model(x), y).item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_dropout_breaks_it():
    """Dropout gives equal units different gradients, so constants drift apart; not from zeros with tanh."""
    torch.manual_seed(0)
    x, y = data()
    model = network(0.5, extra=(nn.Dropout(0.5),))
    steps(model, x, y)
    assert distinct_units(model[0].weight) == 8
    model = network(0.0, extra=(nn.Dropout(0.5),))
    steps(model, x, y)
    assert model[0].weight.count_nonzero() == 0


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_weight_decay_does_not_break_it(optimizer):
    """Weight decay, as a penalty or decoupled, weak or strong, changes equal units and leaves them equal."""
    x, y = data()
    weights = []
    for weight_decay in (0.0, 0.01, 0.5):
        model = network(0.5)
        stepper = optimizer(model.parameters(), lr=0.01, weight_decay=weight_decay)
        for _ in range(100):
            stepper.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            stepper.step()
        assert_units_equal(model)
        weights.append(model[0].weight.detach())
    assert not torch.allclose(weights[1], weights[0], rtol=1e-3)
    assert not torch.allclose(weights[2], weights[0], rtol=1e-2)


def test_convolution_channels():
    """Output channels of a convolution are units too: constant filters stay equal."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 1, 6, 6, generator=generator, dtype=torch.float64)
    y = torch.randn(16, 2, generator=generator, dtype=torch.float64)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 2)).double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    with torch.no_grad():
        model[3].weight.copy_(torch.randn(2, 1, 16, generator=generator).expand(2, 4, 16).reshape(2, 64))
    steps(model, x, y)
    assert distinct_units(model[0].weight) == 1
    assert distinct_units(model[0].weight.detach().reshape(4 * 9, 1)) > 1  # within a filter the taps do differ


def test_zero_scale_and_zero_input():
    """Two zero factors in a row never learn: a zero gain before a zero layer leaves both without gradient."""
    x, y = data()
    gain, layer = nn.Parameter(torch.zeros(5, dtype=torch.float64)), nn.Linear(5, 3).double()
    nn.init.zeros_(layer.weight)
    nn.functional.mse_loss(layer(gain * x), y).backward()
    assert gain.grad.abs().max().item() == 0
    assert layer.weight.grad.abs().max().item() == 0
    layer.zero_grad()
    torch.manual_seed(0)
    nn.init.normal_(layer.weight)
    nn.functional.mse_loss(layer(gain * x), y).backward()
    assert gain.grad.abs().min().item() > 0


def test_tiny_noise_is_slow():
    """With weights of std 0.001 the second hidden layer's outputs start below a thousandth of those under Kaiming."""
    torch.manual_seed(0)
    x = torch.randn(256, 64)
    signal = {}
    for start in ("Kaiming", "all weights normal, std 0.001"):
        signal[start] = make_model(start)[:4](x).std().item()
    assert signal["all weights normal, std 0.001"] < 1e-3 * signal["Kaiming"]
    assert rank(make_model("Kaiming"), x) == 32
    assert rank(make_model("all weights 0"), x) == 0
    assert rank(make_model("all weights 0.1"), x) == 1


def test_tiny_noise_is_distinct():
    """From weights of std 0.001 all 32 units of both hidden layers differ at the start: the detector is silent."""
    torch.manual_seed(0)
    model = make_model("all weights normal, std 0.001")
    assert [distinct_units(model[index].weight) for index in (0, 2)] == [32, 32]


def test_zero_last_layer_ends_level(evidence, monkeypatch):
    """A zero last layer leads after 10 steps, trails from 30 to 60, and ends within 0.01 of Kaiming.

    At a third of the learning rate it leads from step 10 to 40, at 10/3 of it it trails after 10.
    """
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data, dtype=torch.float32)[order] / 8 - 1
    y = torch.tensor(digits.target)[order]

    def curves(start: str, seeds: range = SEEDS) -> tuple[torch.Tensor, set[int]]:
        """Accuracy (seeds, every tenth step) and the ranks of the second hidden layer: the figure's seeds, and more."""
        runs, ranks = list(evidence()[start]["curves"]), set(evidence()[start]["ranks"])
        for seed in seeds[SEEDS.stop :]:
            runs.append(curve(model := model_of(start, seed)))
            ranks.add(rank(model, x))
        assert len(runs) == len(seeds)
        return torch.tensor(runs), ranks

    def model_of(start: str, seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        return make_model(start)

    def curve(model: nn.Sequential) -> list[float]:
        return learning_curve(model, x, y)

    (kaiming, kaiming_ranks), (zero, zero_ranks) = (curves(start, range(8)) for start in ("Kaiming", "last layer 0"))
    lead = (zero - kaiming).mean(0)  # of 8 seeds
    assert lead[10 // EVERY] > 0.05
    assert lead[30 // EVERY : 60 // EVERY + 1].max() < -0.005
    assert lead[30 // EVERY] < -0.03
    assert lead[-1].abs() < 0.01
    for factor, steps in ((1 / 3, 40), (10 / 3, 10)):
        monkeypatch.setattr(experiment, "STEPS", steps)
        with learning_rate_times(factor):
            pairs = [[curve(model_of(start, s)) for start in ("last layer 0", "Kaiming")] for s in range(8)]
        now = torch.tensor(pairs).mean(0).T.diff(dim=1).neg().flatten()[1:]  # of 8 seeds, from step 10 on
        assert now.min() > 0.01 if factor < 1 else now.max() < -0.02
    # What the figure's description and the table say, of their two seeds.
    both = SEEDS.stop
    for accuracy in (kaiming[:both, -1].mean(), zero[:both, -1].mean()):
        assert 0.94 < accuracy < 0.99
    assert kaiming_ranks == zero_ranks == {32}
    noise, noise_ranks = curves("all weights normal, std 0.001")
    assert noise[:, -1].mean().item() == pytest.approx(0.8, abs=0.09)
    assert max(noise_ranks) < 25
    constant, constant_ranks = curves("all weights 0.1")
    assert constant[:, -1].mean().item() == pytest.approx(0.2, abs=0.05)
    assert constant_ranks == {1}
    zeros, zeros_ranks = curves("all weights 0")
    assert zeros[:, -1].mean().item() == pytest.approx(0.1, abs=0.03)
    assert zeros_ranks == {0}


def test_distinct_units_counts():
    """The detector counts equal rows once, also rows within its tolerance; random rows of one input meet by chance."""
    row = torch.tensor([1.0, 2.0])
    assert distinct_units(torch.stack([row, row, row])) == 1
    assert distinct_units(torch.stack([row, row + 1e-5, row + 0.1])) == 2
    assert distinct_units(torch.zeros(4, 3)) == 1
    for seed in range(5):
        torch.manual_seed(seed)
        assert [distinct_units(nn.Linear(inputs, 256).weight) for inputs in (2, 64)] == [256, 256]
        assert 240 < distinct_units(nn.Linear(1, 256).weight) < 256
