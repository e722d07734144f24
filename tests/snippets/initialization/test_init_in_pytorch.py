"""How to apply an initialization: the broken snippet of 2020, its repairs, and the claims of the page."""

import copy
import functools
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import skip_init

from snippets.initialization.init_in_pytorch.evidence import DEPTH, conv_only, rms_by_depth
from snippets.initialization.init_in_pytorch.use import SLOPE, MyNet, initialize_parameters

# The check list's snippet, as it stood.
SEED = """
from torch import nn

# define Network
class MyNet(nn.Module):
    def __init(self):
        pass
    def forward(self):
        pass

# define weight initialization method
def initialize_parameters(m):
    if isinstance(m, nn.Conv2d):
        nn.init.kaiming_normal_(m.weight.data, a=0.25, nonlinearity='leaky_relu')
        nn.init.constant_(m.bias.data, 0)

model = MyNet()
# weight initialization
with torch.no_grad():
    model.apply(initialize_parameters)
"""
INITIALIZERS = {
    "uniform_": (),
    "normal_": (),
    "trunc_normal_": (),
    "constant_": (0.3,),
    "ones_": (),
    "zeros_": (),
    "eye_": (),
    "dirac_": (),
    "xavier_uniform_": (),
    "xavier_normal_": (),
    "kaiming_uniform_": (),
    "kaiming_normal_": (),
    "orthogonal_": (),
    "sparse_": (0.5,),
}


def seed_rule():
    """The seed's function, with the missing import supplied."""
    scope = {"torch": torch}
    exec(SEED, scope)
    return scope["initialize_parameters"]


def test_import_missing():
    """``nn`` is imported but ``torch`` is not: the snippet stops with a NameError at ``torch.no_grad``."""
    with pytest.raises(NameError, match="name 'torch' is not defined"):
        exec(SEED, {})
    exec(SEED.replace("from torch import nn", "import torch\nfrom torch import nn"), {})


def test_init_without_underscores():
    """A method called ``__init`` is never called: no layers, no error, and an optimizer with nothing to train."""

    class Broken(nn.Module):
        def __init(self):
            self.conv = nn.Conv2d(3, 8, 3)

    model = Broken()
    assert list(model.parameters()) == []
    assert not hasattr(model, "conv")
    assert hasattr(model, "_Broken__init")  # Python mangles the name
    with pytest.raises(ValueError, match="empty parameter list"):
        torch.optim.SGD(model.parameters(), lr=0.1)
    assert len(list(MyNet().parameters())) == 7


def test_super_missing():
    """With the name put right but ``super().__init__()`` left out, the first assigned layer raises AttributeError."""

    class Broken(nn.Module):
        def __init__(self):
            self.conv = nn.Conv2d(3, 8, 3)

    with pytest.raises(AttributeError, match="cannot assign module before"):
        Broken()


def test_bias_none():
    """Without a bias the old rule stops with ``'NoneType' object has no attribute 'data'``; the new one runs."""
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'data'"):
        nn.Conv2d(3, 8, 3, bias=False).apply(seed_rule())
    for layer in (nn.Conv2d(3, 8, 3, bias=False), nn.Linear(3, 8, bias=False), nn.BatchNorm2d(4, affine=False)):
        layer.apply(initialize_parameters)
    with_bias = nn.Conv2d(3, 8, 3)
    with_bias.apply(initialize_parameters)
    assert with_bias.bias.count_nonzero() == 0


def test_forward_returns_none():
    """``forward`` without an input and with ``pass``: a call with a batch is a TypeError, without one it gives None."""
    scope = {"torch": torch}
    exec(SEED, scope)
    with pytest.raises(TypeError):
        scope["model"](torch.zeros(1, 3, 8, 8))
    assert scope["model"]() is None
    assert MyNet()(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_conv_only_misses_linear():
    """The old rule leaves every layer that is not a Conv2d at PyTorch's default."""
    layer = nn.Linear(64, 64)
    before = layer.weight.detach().clone()
    layer.apply(seed_rule())
    assert torch.equal(layer.weight, before)
    layer.apply(initialize_parameters)
    assert not torch.equal(layer.weight, before)


def test_conv_rule_leaves_the_biases_alone(evidence, monkeypatch, capsys):
    """The old rule does nothing to Linear layers and says nothing; default biases alone hold the signal at 0.03.

    The figure's other lines: down to about 0.3 with another activation's gain, near 1 with the matching rule.
    """
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])
    before = copy.deepcopy(model.state_dict())
    model.apply(conv_only)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert capsys.readouterr() == ("", "")  # and warnings are errors here

    missed, wrong, right = evidence()["rms"].values()
    assert missed[5:] == pytest.approx([0.03] * (DEPTH - 5), abs=0.005)
    assert wrong[-1] == pytest.approx(0.3, abs=0.05)
    assert right == pytest.approx([1.0] * DEPTH, abs=0.35)
    monkeypatch.setattr(nn, "Linear", functools.partial(nn.Linear, bias=False))
    assert rms_by_depth(nn.LeakyReLU(0.25), "conv only")[-1] < 1e-10


def test_slope_must_match(evidence):
    """With ReLU the gain for slope 0.25 divides the second moment by 1.0625 per layer: rms 0.22 after 50."""
    gain = nn.init.calculate_gain("leaky_relu", 0.25)
    assert gain**2 / 2 == pytest.approx(1 / 1.0625)
    assert math.pow(1.0625, -50 / 2) == pytest.approx(0.22, abs=0.005)
    _, wrong, right = evidence()["rms"].values()
    # 50 random layers of width 256: the logarithm of the rms has a standard deviation of about 0.5 * sqrt(50 * 5 / 256)
    assert 0.22 / 2.7 < wrong[DEPTH - 1] < 0.22 * 2.7
    assert 1 / 2.7 < right[DEPTH - 1] < 2.7


def test_data_and_outer_no_grad_are_unneeded():
    """nn.init fills a parameter in place under its own no_grad: the parameter stays a leaf that requires gradients."""
    for name, arguments in INITIALIZERS.items():
        shape = (4, 4, 3) if name == "dirac_" else (4, 4)
        parameter = nn.Parameter(torch.empty(shape))
        result = getattr(nn.init, name)(parameter, *arguments)
        assert result is parameter
        assert parameter.requires_grad
        assert parameter.is_leaf
        assert parameter.isfinite().all()


def test_every_public_initializer_is_covered():
    """A function that torch adds to nn.init shall be noticed here."""
    public = {name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")}
    assert public == set(INITIALIZERS)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"ones_", "zeros_", "trunc_normal_"}))
def test_old_names_warn(name):
    """The names without the final underscore still run, fill the same values, and raise a FutureWarning."""
    shape = (4, 4, 3) if name == "dirac_" else (4, 4)
    new, old = torch.empty(shape), torch.empty(shape)
    torch.manual_seed(0)
    getattr(nn.init, name)(new, *INITIALIZERS[name])
    torch.manual_seed(0)
    with pytest.warns(FutureWarning, match=f"nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`"):
        getattr(nn.init, name[:-1])(old, *INITIALIZERS[name])
    assert torch.equal(old, new)


def test_tensor_method_needs_no_grad():
    """``weight.normal_()`` outside no_grad raises RuntimeError; nn.init.normal_ does not."""
    layer = nn.Linear(3, 4)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        layer.weight.normal_()
    nn.init.normal_(layer.weight)
    with pytest.raises(TypeError, match="cannot assign"):
        layer.weight = torch.zeros(4, 3)


def test_apply_visits_children_first():
    """``apply`` goes depth first and calls the function on the parent last, so a parent's rule has the last word."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    seen = []
    model.apply(lambda module: seen.append(module))
    assert seen == [model[0], model[1][0], model[1], model]


def test_shared_layer_is_visited_twice():
    """A layer with two parents is visited twice by ``apply`` and once by ``modules()``."""
    layer = nn.Linear(2, 2)
    model = nn.Sequential(nn.Sequential(layer), nn.Sequential(layer))
    seen = []
    model.apply(lambda module: seen.append(module))
    assert sum(module is layer for module in seen) == 2
    assert sum(module is layer for module in model.modules()) == 1
    twice_in_one_parent = nn.Sequential(layer, layer)
    seen.clear()
    twice_in_one_parent.apply(lambda module: seen.append(module))
    assert len(seen) == 2


def test_lazy_layers_need_a_forward_pass():
    """Before the first forward pass a lazy layer's weight has no shape and nn.init raises; after it the rule works."""
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU())
    with pytest.raises((RuntimeError, ValueError), match="uninitialized parameter"):
        model.apply(initialize_parameters)
    with torch.no_grad():
        model(torch.zeros(1, 16))
    model.apply(initialize_parameters)
    assert type(model[0]) is nn.Linear
    assert model[0].bias.count_nonzero() == 0


def test_lazy_first_pass_overwrites():
    """The forward pass that gives a lazy layer its shape also draws the default initialization."""
    layer = nn.LazyLinear(2000)
    layer(torch.zeros(1, 25))
    assert layer.weight.abs().max().item() == pytest.approx(1 / math.sqrt(25), rel=1e-3)


def test_apply_after_loading_destroys():
    """``apply`` after ``load_state_dict`` replaces the loaded weights; on the new head alone it does not."""
    torch.manual_seed(0)
    trained = MyNet().state_dict()
    model = MyNet()
    model.load_state_dict(trained)
    model.head = nn.Linear(32, 5)
    model.head.apply(initialize_parameters)
    backbone = {name: value for name, value in model.state_dict().items() if not name.startswith("head")}
    assert all(torch.equal(value, trained[name]) for name, value in backbone.items())
    model.apply(initialize_parameters)
    assert not torch.equal(model.features[0].weight, trained["features.0.weight"])


def test_replaced_parameter_escapes_the_optimizer():
    """A parameter replaced after the optimizer was made is not trained; one filled in place is."""
    layer = nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer.weight = nn.Parameter(torch.ones(1, 3))
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(layer.weight, torch.ones(1, 3))

    layer = nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    nn.init.ones_(layer.weight)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.allclose(layer.weight, torch.full((1, 3), 0.9))


def test_skip_init_leaves_memory_as_it_is():
    """``skip_init`` makes the layer without drawing its default, so it takes nothing from the random stream."""
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    layer = skip_init(nn.Linear, 64, 64)
    assert torch.equal(torch.rand(1), expected)
    layer.apply(initialize_parameters)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (1 + SLOPE**2) / 64), rel=0.1)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        skip_init(MyNet)


def test_padding_row():
    """``normal_`` on an embedding fills the padding row, which was zero; the rule sets it back."""
    layer = nn.Embedding(10, 4, padding_idx=3)
    assert layer.weight[3].count_nonzero() == 0
    nn.init.normal_(layer.weight)
    assert layer.weight[3].count_nonzero() == 4
    layer.apply(initialize_parameters)
    assert layer.weight[3].count_nonzero() == 0


def test_recurrent_gates_one_by_one():
    """``orthogonal_`` on an LSTM's stacked matrix makes no gate orthogonal; gate by gate it makes all four so."""
    torch.manual_seed(0)
    lstm = nn.LSTM(6, 8)
    nn.init.orthogonal_(lstm.weight_hh_l0)
    assert not any(
        torch.allclose(gate @ gate.T, torch.eye(8), atol=0.1) for gate in lstm.weight_hh_l0.detach().split(8)
    )
    lstm.apply(initialize_parameters)
    for gate in lstm.weight_hh_l0.detach().split(8):
        assert torch.allclose(gate @ gate.T, torch.eye(8), atol=1e-5)  # QR in float32
    assert lstm.bias_ih_l0.count_nonzero() == 0


def test_transposed_convolution_swaps_the_fans():
    """ConvTranspose2d keeps (in, out, …): nn.init's fan_in counts its outputs, so it needs ``mode="fan_out"``."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(16, 64, 3, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.05)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 9)), rel=0.05)
    x = torch.relu(torch.randn(8, 16, 16, 16))
    y = layer(x)[..., 2:-2, 2:-2]
    assert y.square().mean().item() == pytest.approx(
        2 * x.square().mean().item(), rel=0.15
    )  # relu then halves it again


def test_attention_projection_is_missed(evidence):
    """A rule for Linear reaches MultiheadAttention's out_proj, not its in_proj_weight, which is a bare parameter."""
    table = {row[0]: row[1:] for row in evidence()["reached"]}
    assert table["MultiheadAttention.out_proj.weight"] == ["untouched", "initialized"]
    assert table["MultiheadAttention.in_proj_weight"] == ["untouched", "untouched"]
    assert table["Conv2d.weight"] == ["initialized", "initialized"]
    assert table["Linear.weight"] == ["untouched", "initialized"]


def test_norm_layers():
    """Scale 1 and shift 0, also where training had moved them."""
    layer = nn.BatchNorm2d(4)
    with torch.no_grad():
        layer.weight.fill_(3)
        layer.bias.fill_(2)
    layer.apply(initialize_parameters)
    assert torch.equal(layer.weight, torch.ones(4))
    assert torch.equal(layer.bias, torch.zeros(4))


def test_norm_hides_the_scale():
    """A BatchNorm right after a layer gives the same output for weights that are seven times as large."""
    torch.manual_seed(0)
    layer, norm = nn.Linear(16, 8, bias=False), nn.BatchNorm1d(8)
    x = torch.randn(64, 16)
    before = norm(layer(x))
    with torch.no_grad():
        layer.weight.mul_(7)
    assert torch.allclose(norm(layer(x)), before, atol=1e-3)  # eps = 1e-5 beside a variance of about 0.3
