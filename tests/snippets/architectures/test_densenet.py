"""DenseNet: equal to torchvision, counts of torchvision and of the authors, and the claims of its page."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.densenet.from_scratch import LAYERS, DenseLayer, DenseNet
from snippets.architectures.densenet.use import DenseBlock, densenet_bc
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits, take_weights


def small() -> tuple[nn.Module, Tensor]:
    """The network of use.py with 16 layers: each number of channels has its own kernel, so fewer are cheaper."""
    return densenet_bc(10, depth=16, growth=4), torch.randn(2, 3, 16, 16)


def test_equals_torchvision() -> None:
    """Logits in both modes and running statistics of DenseNet-121."""
    from torchvision import models

    same_logits(DenseNet, models.densenet121, shape=(2, 3, 64, 64))


def test_parameters() -> None:
    """The four networks have as many as torchvision's."""
    from torchvision import models

    expected = {121: 7_978_856, 169: 14_149_480, 201: 20_013_928, 161: 28_681_000}
    assert expected.keys() == LAYERS.keys()
    for depth, count in expected.items():
        assert parameters_of(lambda d=depth: DenseNet(d, 48 if d == 161 else 32)) == count
        assert getattr(models, f"DenseNet{depth}_Weights").IMAGENET1K_V1.meta["num_params"] == count


@pytest.mark.parametrize(("depth", "growth", "millions"), [(100, 12, 0.8), (40, 36, 1.5), (40, 48, 2.7), (40, 60, 4.3)])
def test_parameters_on_cifar(depth: int, growth: int, millions: float) -> None:
    """The networks of use.py have the sizes that the authors publish, in millions."""
    assert round(parameters_of(lambda: densenet_bc(10, depth, growth)) / 1e6, 1) == millions


def test_both_forms_are_equal() -> None:
    """The block of use.py, with and without saving memory, equals a chain of layers from scratch."""
    torch.manual_seed(0)
    chain = nn.Sequential(*(DenseLayer(6 + 4 * layer, 4) for layer in range(5))).double()
    x = torch.randn(3, 6, 5, 5, dtype=torch.float64)
    expected = chain(x)
    for save_memory in (False, True):
        block = DenseBlock(6, 4, 5, save_memory).double()
        parts = [m for reduce, grow in zip(block.reduce, block.grow, strict=True) for m in (*reduce, *grow)]
        take_weights(nn.Sequential(*parts), chain)
        torch.testing.assert_close(block(x), expected)


def test_features_are_kept() -> None:
    """Layer l sees c0 + k (l - 1) channels, and its k new ones reach the block's end unchanged, as the input does."""
    torch.manual_seed(0)
    layers, x = [DenseLayer(6 + 4 * layer, 4) for layer in range(5)], torch.randn(2, 6, 5, 5)
    y, made = x, [x]
    for place, layer in enumerate(layers):
        assert y.shape[1] == layer.branch[2].in_channels == 6 + 4 * place
        made.append(layer.branch(y))
        y = layer(y)
    assert torch.equal(y, torch.cat(made, dim=1))


def values_put_out(model: nn.Module) -> int:
    """How many numbers its layers return for one image of 224 by 224."""
    found = 0

    def count(_module: nn.Module, _args: object, out: Tensor) -> None:
        nonlocal found
        found += out.numel()

    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    model.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    return found


def test_cost(evidence) -> None:
    """31% of the parameters of ResNet-50, 69% of its multiply-adds, 7% more values that its layers put out."""
    from snippets.architectures.resnet.from_scratch import ResNet
    from snippets.experiment import stages

    with torch.device("meta"):
        resnet, densenet = ResNet(50), DenseNet()
    rows = stages(resnet).values()
    counts = {key: sum(row[key] for row in rows) for key in ("parameters", "multiply_adds")}
    ratios = [evidence()[key] / counts[key] for key in counts]
    assert ratios == pytest.approx([0.31, 0.69], abs=0.005)
    assert values_put_out(densenet) / values_put_out(resnet) == pytest.approx(1.07, abs=0.005)


def test_table(evidence) -> None:
    """The sum of multiply-adds is torchvision's; blocks add 32 channels a layer, transitions halve them."""
    from torchvision.models import DenseNet121_Weights

    numbers = evidence()
    assert numbers["multiply_adds"] / 1e9 == pytest.approx(DenseNet121_Weights.IMAGENET1K_V1.meta["_ops"], abs=0.001)
    channels = 64
    for place, layers in enumerate(LAYERS[121], 1):
        channels += 32 * layers
        assert numbers["stages"][f"block{place}"]["shape"][0] == channels
        if place < 4:
            channels //= 2
            assert numbers["stages"][f"transition{place}"]["shape"][0] == channels
    assert channels == 1024


def test_memory_of_a_block(evidence) -> None:
    """From 16 to 32 layers: about three times plain, twice computed again; with 32 layers under a fourth is kept."""
    plain, again = evidence("memory").values()
    assert plain[3] / plain[2] == pytest.approx(3.1, abs=0.15)
    assert again[3] / again[2] == pytest.approx(2.0, abs=0.03)
    assert again[3] < plain[3] / 4


def test_statistics_move_twice() -> None:
    """Outputs and gradients are equal; checkpointed normalization layers move twice a step, as with momentum 0.19."""
    torch.manual_seed(0)
    plain = DenseBlock(4, 4, 3, save_memory=False).double()
    saving = copy.deepcopy(plain)
    saving.save_memory = True
    x, grad = torch.randn(8, 4, 5, 5, dtype=torch.float64), torch.randn(8, 16, 5, 5, dtype=torch.float64)
    results = []
    for block in (plain, saving):
        out = block(x)
        out.backward(grad)
        results.append([out, *(p.grad for p in block.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(plain.reduce, saving.reduce, strict=True):
        torch.testing.assert_close(other[0].running_mean, one[0].running_mean / 0.1 * 0.19)
        assert other[0].num_batches_tracked == 2
    for one, other in zip(plain.grow, saving.grow, strict=True):
        torch.testing.assert_close(other[0].running_mean, one[0].running_mean)
    torchvisions_move_twice()


def torchvisions_move_twice() -> None:
    """The same of torchvision's layer: outputs and gradients are equal, its first normalization moves twice."""
    from torchvision.models.densenet import _DenseLayer

    torch.manual_seed(0)
    plain = _DenseLayer(8, 4, 4, 0.0, memory_efficient=False).double()
    saving = copy.deepcopy(plain)
    saving.memory_efficient = True
    x, results = torch.randn(8, 8, 5, 5, dtype=torch.float64), []
    for layer in (plain, saving):
        given = x.clone().requires_grad_()
        out = layer([given])
        out.square().sum().backward()
        results.append([out, given.grad, *(p.grad for p in layer.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(saving.norm1.running_mean, plain.norm1.running_mean / 0.1 * 0.19)
    torch.testing.assert_close(saving.norm2.running_mean, plain.norm2.running_mean)


def test_images_too_small() -> None:
    """29 to 32 pixels suffice, and 12, 15 and 28 do not: nothing is left for the last transition, and torch says so."""
    with torch.device("meta"):
        model = DenseNet(121, growth=4, classes=10).eval()
    for size in (29, 31, 32):
        assert model(torch.rand(1, 3, size, size, device="meta")).shape == (1, 10)
    for size in (12, 15, 28):
        with pytest.raises(RuntimeError, match="Output size is too small"):
            model(torch.rand(1, 3, size, size, device="meta"))
