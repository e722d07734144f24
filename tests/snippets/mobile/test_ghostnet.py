"""GhostNet: equal to timm, its counts, and the claims of its page."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.mobile.ghostnet.from_scratch import Bottleneck, Ghost, GhostNet, Squeeze
from snippets.mobile.ghostnet.use import GhostConv, small_network
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.counting import by_torch
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """A tenth of the width."""
    return GhostNet(width=0.1, classes=10, dropout=0.0), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize(("width", "name"), [(0.5, "ghostnet_050"), (1.0, "ghostnet_100")])
def test_equals_timm(width: float, name: str) -> None:
    """Logits in both modes, and the running statistics, with timm's weights; its dropout is no module."""
    import timm

    same_logits(partial(GhostNet, width), partial(timm.create_model, name, drop_rate=0.2))


def test_parameters() -> None:
    """As many as timm's, three widths."""
    import timm

    for width, count in {0.5: 2_587_292, 1.0: 5_182_508, 1.3: 7_358_820}.items():
        assert parameters_of(partial(GhostNet, width)) == count
        assert parameters_of(partial(timm.create_model, f"ghostnet_{round(100 * width):03d}")) == count


def test_module_of_the_code_equals_the_networks() -> None:
    """The module to copy computes what the one from scratch does, for ratios 2 and 3 and odd channels."""
    torch.manual_seed(0)
    for out, ratio in ((8, 2), (7, 2), (9, 3), (8, 3)):
        ours, theirs = GhostConv(6, out, ratio=ratio), Ghost(6, out, True, ratio)
        ours.load_state_dict(theirs.state_dict())
        x = torch.randn(2, 6, 5, 5)
        torch.testing.assert_close(ours(x), theirs(x))


def test_cost_of_a_module() -> None:
    """Multiply-adds of random modules, and the ratio to a 1 x 1 convolution, which tends to s."""
    chance = random.Random(0)
    for _ in range(20):
        channels, own, ratio, size = (chance.randint(low, high) for low, high in ((1, 40), (1, 12), (2, 4), (1, 12)))
        out = own * ratio
        with torch.device("meta"):
            module, layer = Ghost(channels, out, True, ratio), nn.Sequential(nn.Conv2d(channels, out, 1, bias=False))
        cost = by_torch(module, channels, size, size)
        assert cost == size**2 * own * (channels + (ratio - 1) * 9)
        said = ratio * channels / (channels + (ratio - 1) * 9)
        assert by_torch(layer, channels, size, size) / cost == pytest.approx(said)
    for ratio in (2, 3, 4):
        channels = 100 * ratio * 9
        assert ratio * channels / (channels + (ratio - 1) * 9) == pytest.approx(ratio, rel=0.01)


def test_a_ghost_of_one_map() -> None:
    """Each channel that the depthwise convolution makes changes with one channel of the 1 x 1 convolution only."""
    torch.manual_seed(0)
    module = Ghost(6, 8, False).eval()
    y = module.first(torch.randn(1, 6, 5, 5)).detach().requires_grad_()
    for place in range(4):
        (grad,) = torch.autograd.grad(module.ghosts(y)[0, place].square().sum(), y)
        assert (grad[0].abs().sum((1, 2)) > 0).tolist() == [channel == place for channel in range(4)]


def test_layers_of_a_block() -> None:
    """Convolutions of a block outside its two modules: none at stride 1, one depthwise between them at stride 2; and
    those of a squeeze, which seven of the sixteen blocks have."""
    for stride, between, squeeze in ((1, 0, False), (2, 1, False), (1, 0, True), (2, 1, True)):
        branch = Bottleneck(8, 5, 24, 8, squeeze, stride).branch
        kinds = [type(m) for m in branch if any(isinstance(part, nn.Conv2d) for part in m.modules())]
        assert kinds == [Ghost, *between * [nn.Conv2d], *squeeze * [Squeeze], Ghost]
        for layer in branch:
            if isinstance(layer, nn.Conv2d):
                assert layer.groups == layer.in_channels == 24
    with torch.device("meta"):
        blocks = [m for m in GhostNet().modules() if isinstance(m, Bottleneck)]
    assert sum(isinstance(m, Squeeze) for block in blocks for m in block.branch) == 7
    assert len(blocks) == 16
    for block in blocks:
        ghosts = [m for m in block.branch if isinstance(m, Ghost)]
        assert [any(isinstance(m, nn.ReLU) for m in g.modules()) for g in ghosts] == [True, False]
        layers = [m for m in block.shortcut if isinstance(m, nn.Conv2d)]
        assert [m.groups > 1 for m in layers] in ([], [True, False])


def modules_of_the_network() -> list[tuple[Ghost, int, int, int]]:
    """Each ghost module of GhostNet with its places, input and output channels."""
    found = []
    with torch.device("meta"):
        model = GhostNet().eval()

    def note(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        assert isinstance(module, Ghost)
        found.append((module, out.shape[2] * out.shape[3], inputs[0].shape[1], out.shape[1]))

    for module in model.modules():
        if isinstance(module, Ghost):
            module.register_forward_hook(note)
    model(torch.empty(1, 3, 224, 224, device="meta"))
    return found


def cheap_work(module: Ghost) -> int:
    return sum(m.weight.numel() for m in module.ghosts if isinstance(m, nn.Conv2d))


def test_multiply_adds(evidence: Any) -> None:
    """141 million; 230 million with a 1 x 1 convolution in the place of each module."""
    total = evidence()["multiply_adds"]
    assert round(total / 1e6) == 141
    with torch.device("meta"):
        assert by_torch(GhostNet(), 3, 224, 224) == total
    for module, places, channels, out in modules_of_the_network():
        own = sum(m.weight.numel() for m in module.first if isinstance(m, nn.Conv2d))
        total += places * (channels * out - own - cheap_work(module))
    assert round(total / 1e6) == 230


def test_what_ghosts_cost(evidence: Any) -> None:
    """Half of each module's channels, 9% of the network's multiply-adds."""
    found = modules_of_the_network()
    for module, _, _, out in found:
        assert [2 * m.out_channels for m in module.ghosts if isinstance(m, nn.Conv2d)] == [out]
    work = sum(places * cheap_work(module) for module, places, _, _ in found)
    assert work / evidence()["multiply_adds"] == pytest.approx(0.09, abs=0.005)


def test_half_the_weights() -> None:
    """The small network with and without ghost modules."""
    counts = [parameters_of(partial(small_network, 10, ghosts)) for ghosts in (True, False)]
    assert counts[0] / counts[1] == pytest.approx(0.5, abs=0.01)


def test_odd_channels() -> None:
    """With 7 channels and a ratio of 2, the last ghost's weights get a gradient of 0 and the others do not."""
    torch.manual_seed(0)
    module = Ghost(6, 7, False)
    y = module(torch.randn(4, 6, 5, 5))
    assert y.shape[1] == 7
    (y * torch.randn_like(y)).sum().backward()
    assert isinstance(module.ghosts[0], nn.Conv2d)
    grad = module.ghosts[0].weight.grad
    assert grad is not None
    assert [bool(g.abs().sum() > 0) for g in grad] == [True, True, True, False]


def test_small_images() -> None:
    """From 32 x 32 the network for ImageNet leaves one pixel before the mean, the one in the code 8 x 8."""
    body = nn.Sequential(*list(GhostNet(width=0.25).eval().children())[:-2])
    assert body(torch.rand(1, 3, 32, 32)).shape[2:] == (1, 1)
    assert small_network(10).eval()[:-3](torch.rand(1, 3, 32, 32)).shape[2:] == (8, 8)
