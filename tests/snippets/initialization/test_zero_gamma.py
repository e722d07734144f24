"""Zero-gamma: equal to torchvision and timm, the block's contract, and the claims of its page."""

import inspect
import itertools
import re
from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torchvision import models

import snippets.initialization.zero_gamma.evidence as experiment
from snippets.initialization.zero_gamma.from_scratch import backward, branch
from snippets.initialization.zero_gamma.use import ResidualBlock, zero_last_gamma


def run_seeds(gamma: float) -> tuple[Tensor, Tensor]:
    """The experiment's signal (seeds, blocks + 1) and losses (seeds, steps) at the module's present settings."""
    digits = load_digits()
    x, y = (torch.tensor(digits.data, dtype=torch.float32) - 4.9) / 6.0, torch.tensor(digits.target)
    runs = [experiment.run(gamma, seed, x, y) for seed in range(experiment.SEEDS)]
    return torch.tensor([stds for stds, _ in runs]), torch.tensor([losses for _, losses in runs])


@pytest.fixture(scope="module")
def as_published(evidence) -> Callable[[float], tuple[Tensor, Tensor]]:
    """The runs that drew the figure."""

    def of(gamma: float) -> tuple[Tensor, Tensor]:
        stds, losses = (torch.tensor(evidence()[f"{gamma:.0f}"][what]) for what in ("stds", "losses"))
        assert stds.shape == (experiment.SEEDS, experiment.BLOCKS + 1)
        assert losses.shape == (experiment.SEEDS, experiment.STEPS)
        return stds, losses

    return of


def rises_above_its_start(losses: Tensor) -> bool:
    """Whether in any seed a later loss is above the first by a half; batches differ by less."""
    return bool((losses[:, 1:].max(1).values > 1.5 * losses[:, 0]).any())


@pytest.mark.parametrize(("name", "norm", "blocks"), [("resnet18", "bn2", 8), ("resnet50", "bn3", 16)])
def test_equals_torchvision(name, norm, blocks):
    """The same seed, our function after the fact: the state of torchvision's zero_init_residual=True."""
    build = getattr(models, name)
    torch.manual_seed(0)
    expected = build(weights=None, zero_init_residual=True).state_dict()
    torch.manual_seed(0)
    model = build(weights=None)
    assert zero_last_gamma(model, norm) == blocks
    for key, value in model.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_torchvision_leaves_it_off():
    """torchvision's ResNet does not zero the last scale unless zero_init_residual=True."""
    assert inspect.signature(models.ResNet.__init__).parameters["zero_init_residual"].default is False
    for model, norm in ((models.resnet18(weights=None), "bn2"), (models.resnet50(weights=None), "bn3")):
        scales = [p for name, p in model.named_parameters() if name.endswith(f"{norm}.weight")]
        assert scales
        assert all((p == 1).all() for p in scales)


def test_timm_zeroes_by_default():
    """timm's ResNet zeroes the last scale of each block by default, and no other."""
    timm = pytest.importorskip("timm")
    for kind, last in (("resnet18", "bn2"), ("resnet50", "bn3")):
        model = timm.create_model(kind, pretrained=False)
        scales = {name: p for name, p in model.named_parameters() if re.search(r"bn\d\.weight$", name)}
        assert {name for name, p in scales.items() if (p == 0).all()} == {n for n in scales if f".{last}." in n}


def test_identity_at_init():
    """With a zero scale 16 blocks return a non-negative input unchanged, in training and evaluation;
    a block of ResNet-18 or ResNet-50 that changes the shape returns its projection after the ReLU.
    """
    torch.manual_seed(0)
    model = nn.Sequential(*(ResidualBlock(8) for _ in range(16)))
    x = torch.rand(4, 8, 6, 6)
    assert torch.equal(model(x), x)
    assert torch.equal(model.eval()(x), x)
    for kind, projections in ((models.resnet18, 3), (models.resnet50, 4)):
        stages = kind(weights=None, zero_init_residual=True)
        blocks = [block for i in range(1, 5) for block in stages.get_submodule(f"layer{i}")]
        assert sum(block.downsample is not None for block in blocks) == projections
        for training in (True, False):
            stages.train(training)
            for block in blocks:
                x = torch.rand(2, block.conv1.in_channels, 4, 4)
                assert torch.equal(block(x), x if block.downsample is None else torch.relu(block.downsample(x)))


def test_signal_grows_with_scale_one():
    """With scale 1 and that ReLU 16 blocks add a variance of 5 to 10 to a non-negative input of std 0.3, 1 or 3."""
    for seed, std in itertools.product(range(5), (0.3, 1.0, 3.0)):
        torch.manual_seed(seed)
        x = std * 12**0.5 * torch.rand(16, 16, 8, 8)
        assert x.std().item() == pytest.approx(std, rel=0.02)
        with torch.no_grad():
            y = nn.Sequential(*(ResidualBlock(16, zero_gamma=False) for _ in range(16)))(x)
        assert 5 < (y.var() - x.var()).item() < 10


@pytest.mark.parametrize("depth", [4, 16, 32])
def test_linear_stream_adds_one_unit_of_variance_a_block(depth):
    """Without the ReLU after the sum, L normalized branches of scale 1 add a variance of about L."""
    torch.manual_seed(0)
    width = 256
    x = torch.randn(512, width)
    start = x.var()
    with torch.no_grad():
        for _ in range(depth):
            x = x + nn.BatchNorm1d(width)(nn.Linear(width, width)(torch.relu(nn.BatchNorm1d(width)(x))))
    assert (x.var() - start).item() == pytest.approx(depth, rel=0.15)  # branches are weakly correlated


def gradients(model: nn.Module, steps: int) -> list[dict[str, float]]:
    """Largest gradient of each parameter of the model's first block, step by step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.rand(16, 8, 6, 6), torch.arange(16) % 4
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        found.append({name: p.grad.abs().max().item() for name, p in model[0].named_parameters()})
        optimizer.step()
    return found


def test_first_step_moves_only_the_scale():
    """In step one only the last scale and shift have a gradient, from step two on everything in the branch has one."""
    torch.manual_seed(0)
    model = nn.Sequential(ResidualBlock(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    first, *later = gradients(model, 5)
    assert {name for name, size in first.items() if size > 0} == {"bn2.weight", "bn2.bias"}
    assert all(min(sizes.values()) > 0 for sizes in later)


def test_zeroing_every_scale_kills_the_branch():
    """If both scales of the branch are zero, neither they nor the convolutions have a gradient in 20 steps."""
    torch.manual_seed(0)
    model = nn.Sequential(ResidualBlock(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    nn.init.zeros_(model[0].bn1.weight)
    before = {name: p.detach().clone() for name, p in model[0].named_parameters()}
    for sizes in gradients(model, 20):
        assert all(sizes[name] == 0 for name in ("bn1.weight", "bn2.weight", "conv1.weight", "conv2.weight"))
    for name in ("bn1.weight", "bn2.weight", "conv1.weight", "conv2.weight"):
        assert torch.equal(model[0].get_parameter(name), before[name])


def test_later_initializer_undoes_it():
    """An initializer that sets every normalization to one, called afterwards, switches zero-gamma off."""
    model = nn.Sequential(ResidualBlock(8))

    def usual(module: nn.Module) -> None:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)

    model.apply(usual)
    assert (model[0].bn2.weight == 1).all()
    zero_last_gamma(model, "bn2")
    assert (model[0].bn2.weight == 0).all()


def test_zero_before_the_last_layer():
    """In a pre-activation ResNet a zero scale in front of the last ReLU and convolution stops every gradient
    in the branch; zeroing the last convolution instead lets that convolution learn.
    """
    torch.manual_seed(0)
    branch = nn.Sequential(
        nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, bias=False),
    )  # fmt: skip
    x, target = torch.randn(16, 8, 6, 6), torch.randn(16, 8, 6, 6)

    def sizes() -> list[float]:
        branch.zero_grad()
        nn.functional.mse_loss(x + branch(x), target).backward()
        return [p.grad.abs().max().item() for p in branch.parameters()]

    assert min(sizes()) > 0
    nn.init.zeros_(branch[3].weight)
    assert max(sizes()) == 0
    nn.init.ones_(branch[3].weight)
    nn.init.zeros_(branch[5].weight)
    assert sizes()[-1] > 0


def test_plain_network_goes_silent():
    """A zero scale in a plain layer, or in a block's projection and branch at once, makes the output constant."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
    nn.init.zeros_(layers[1].weight)
    y = layers(torch.randn(8, 3, 9, 9))
    assert y.std(dim=0).max() < 1e-6
    for kind, norm in ((models.resnet18, "bn2"), (models.resnet50, "bn3")):
        block = kind(weights=None).layer2[0]
        x = torch.rand(4, block.conv1.in_channels, 6, 6)
        nn.init.zeros_(block.downsample[1].weight)
        assert block(x).std(dim=0).max() > 0.1  # the branch alone still carries it
        zero_last_gamma(block, norm)
        assert block(x).std(dim=0).max() == 0


def test_zero_gamma_removes_the_spike(as_published):
    """At rate 0.3 scale 1 multiplies the first loss by over 4 within 6 steps; zero-gamma falls and ends below half."""
    (signal, losses), (level, zero) = as_published(1.0), as_published(0.0)
    peaks = losses[:, :6].max(1).values
    assert (peaks > 4 * losses[:, 0]).all()
    assert zero.max() < 4
    mean = zero.mean(0)[:8]
    assert (mean[1:] < mean[:-1]).all()
    assert zero[:, -10:].mean() < 0.5 * losses[:, -10:].mean()
    # The left panel, mean of the seeds: it grows at every block with scale 1 and stays with 0.
    assert (signal.mean(0).diff() > 0).all()
    assert 2 < signal[:, -1].mean() < 3.5
    assert torch.equal(level, level[:, :1].expand_as(level))


def test_warm_up_lowers_the_spike(monkeypatch: pytest.MonkeyPatch):
    """A rate that rises over 20 steps lowers the peak in most of six draws, but not below the start."""
    monkeypatch.setattr(experiment, "SEEDS", 6)
    _, without = run_seeds(1.0)

    class WarmSGD(torch.optim.SGD):
        """SGD whose rate rises linearly over its first 20 steps."""

        count = 0

        def step(self) -> None:
            self.count += 1
            for group in self.param_groups:
                group["lr"] = experiment.LR * min(1, self.count / 20)
            super().step()

    monkeypatch.setattr(torch.optim, "SGD", WarmSGD)
    _, losses = run_seeds(1.0)
    assert (losses.max(1).values < without.max(1).values).sum() > 3
    assert (losses.max(1).values > losses[:, 0]).sum() > 3


def test_no_spike_at_a_small_rate(as_published, monkeypatch: pytest.MonkeyPatch):
    """At rate 0.01, or with two blocks, no loss is half above the first; at 0.01 zero-gamma's last ones are higher."""
    assert rises_above_its_start(as_published(1.0)[1])
    monkeypatch.setattr(experiment, "LR", 0.01)
    (_, losses), (_, zero) = run_seeds(1.0), run_seeds(0.0)
    assert not rises_above_its_start(losses)
    assert zero[:, -10:].mean(1).min() > 1.3 * losses[:, -10:].mean(1).max()
    monkeypatch.setattr(experiment, "LR", 0.3)
    monkeypatch.setattr(experiment, "BLOCKS", 2)
    assert not rises_above_its_start(run_seeds(1.0)[1])


def test_wrong_name_is_an_error():
    with pytest.raises(ValueError, match="no submodule"):
        zero_last_gamma(nn.Sequential(ResidualBlock(4)), "bn3")
    with pytest.raises(ValueError, match="not a normalization"):
        zero_last_gamma(nn.Sequential(ResidualBlock(4)), "conv2")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_from_scratch_equals_batch_norm(value):
    """Output and four gradients equal nn.BatchNorm1d's in float64, also where the scale is not zero."""
    torch.manual_seed(0)
    x = torch.randn(32, 8, dtype=torch.float64, requires_grad=True)
    layer, norm = nn.Linear(8, 8, bias=False).double(), nn.BatchNorm1d(8).double()
    nn.init.constant_(norm.weight, value)
    expected = x + norm(layer(x))
    grads = torch.autograd.grad(expected.pow(3).sum(), (x, layer.weight, norm.weight, norm.bias))
    with torch.no_grad():
        y, normalized, deviation = branch(x, layer.weight, norm.weight, norm.bias)
        ours = backward(3 * y.square(), x, layer.weight, norm.weight, normalized, deviation)
    torch.testing.assert_close(y, expected)
    for a, b in zip(ours, grads, strict=True):
        torch.testing.assert_close(a, b)


def test_module_contract():
    torch.manual_seed(0)
    block = ResidualBlock(4, zero_gamma=False)
    x = torch.randn(3, 4, 5, 5)
    torch.testing.assert_close(torch.compile(block, backend="eager", fullgraph=True)(x), block(x))
    other = ResidualBlock(4)
    other.load_state_dict(block.state_dict())
    assert torch.equal(other.eval()(x), block.eval()(x))
    with torch.device("meta"):
        assert ResidualBlock(4)(torch.empty(3, 4, 5, 5)).shape == x.shape
    block.double().train()
    assert torch.autograd.gradcheck(block, (x[:, :, :3, :3].double().requires_grad_(),))
