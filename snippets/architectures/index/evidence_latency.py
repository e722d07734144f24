"""What one image costs each network: multiply-adds, operations that torch is asked for, and the processor's time.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018, section 1
"""

import csv
import json
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from snippets.architectures.alexnet.from_scratch import AlexNet
from snippets.architectures.convnext.from_scratch import ConvNeXt
from snippets.architectures.convnext_v2.from_scratch import ConvNeXtV2
from snippets.architectures.densenet.from_scratch import DenseNet
from snippets.architectures.efficientnet.from_scratch import EfficientNet
from snippets.architectures.efficientnet_v2.from_scratch import EfficientNetV2
from snippets.architectures.googlenet.from_scratch import GoogLeNet
from snippets.architectures.inception_v3.from_scratch import InceptionV3
from snippets.architectures.inception_v4.from_scratch import InceptionV4
from snippets.architectures.lenet_5.use import LeNet5
from snippets.architectures.mlp_mixer.from_scratch import MLPMixer
from snippets.architectures.network_in_network.from_scratch import NetworkInNetwork
from snippets.architectures.regnet.from_scratch import VARIANTS, RegNet
from snippets.architectures.repvgg.from_scratch import RepVGG, fused
from snippets.architectures.resnet.from_scratch import ResNet
from snippets.architectures.resnet_d.from_scratch import ResNetD
from snippets.architectures.resnet_v2.from_scratch import ResNetV2
from snippets.architectures.resnext.from_scratch import ResNeXt
from snippets.architectures.senet.from_scratch import SEResNet
from snippets.architectures.u_net.from_scratch import UNet
from snippets.architectures.vgg.from_scratch import VGG
from snippets.architectures.wide_resnet.from_scratch import WideResNet
from snippets.architectures.xception.from_scratch import Xception
from snippets.architectures.zfnet.from_scratch import ZFNet
from snippets.mobile.fasternet.from_scratch import FasterNet
from snippets.mobile.fbnet.from_scratch import FBNetC
from snippets.mobile.ghostnet.from_scratch import GhostNet
from snippets.mobile.mixnet.from_scratch import MixNet
from snippets.mobile.mnasnet.from_scratch import MnasNet
from snippets.mobile.mobilenet_v1.from_scratch import MobileNetV1
from snippets.mobile.mobilenet_v2.from_scratch import MobileNetV2
from snippets.mobile.mobilenet_v3.from_scratch import MobileNetV3
from snippets.mobile.mobilenet_v4.from_scratch import MobileNetV4
from snippets.mobile.mobileone.from_scratch import MobileOne, deployed
from snippets.mobile.mobilevit.from_scratch import MobileViT
from snippets.mobile.shufflenet_v1.from_scratch import ShuffleNetV1
from snippets.mobile.shufflenet_v2.from_scratch import ShuffleNetV2
from snippets.mobile.squeezenet.from_scratch import SqueezeNet

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ResNet-50": ResNet,
    "AlexNet": AlexNet,
    "VGG-16": VGG,
    "GoogLeNet": GoogLeNet,
    "Inception v3": InceptionV3,
    "ResNetV2-50": ResNetV2,
    "DenseNet-121": DenseNet,
    "WRN-50-2": WideResNet,
    "ResNeXt-50 32×4d": ResNeXt,
    "SE-ResNet-50": SEResNet,
    "EfficientNet-B0": EfficientNet,
    "RegNetY-3.2GF": lambda: RegNet(*VARIANTS["Y-3.2GF"]),
    "ConvNeXt-T": ConvNeXt,
    "SqueezeNet 1.0": SqueezeNet,
    "MobileNet v1": MobileNetV1,
    "MobileNetV2": MobileNetV2,
    "MobileNetV3-Large": MobileNetV3,
    "ShuffleNet v1 1.0×, 3 groups": ShuffleNetV1,
    "ShuffleNet V2 1.0×": ShuffleNetV2,
    "ConvNeXt V2-T": ConvNeXtV2,
    "EfficientNetV2-S": EfficientNetV2,
    "Inception v4": InceptionV4,
    "Mixer-B/16": MLPMixer,
    "RepVGG-A0": lambda: fused(RepVGG()),
    "ResNet-50-D": ResNetD,
    "Xception": Xception,
    "ZFNet": ZFNet,
    "FasterNet-T0": FasterNet,
    "FBNet-C": FBNetC,
    "GhostNet 1.0×": GhostNet,
    "MnasNet-B1": MnasNet,
    "MixNet-S": MixNet,
    "MobileNetV4-Conv-S": MobileNetV4,
    "MobileOne-S1": lambda: deployed(MobileOne("s1")),
    "MobileViT-S": MobileViT,
}
SHAPES = {  # of the image, where it is not (3, 224, 224)
    "Inception v3": (3, 299, 299),
    "EfficientNetV2-S": (3, 384, 384),
    "Inception v4": (3, 299, 299),
    "Xception": (3, 299, 299),
    "MobileViT-S": (3, 256, 256),
    "LeNet-5": (1, 32, 32),
    "NiN for CIFAR-10": (3, 32, 32),
    "U-Net": (1, 572, 572),
}
OTHERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {  # only their operations are counted
    "LeNet-5": (LeNet5, (1, 32, 32)),
    "NiN for CIFAR-10": (NetworkInNetwork, (3, 32, 32)),
    "U-Net": (UNet, (1, 188, 188)),  # as many as on a large image
}
ROUNDS = 3
TOGETHER = 12  # networks that are in memory at a time
aten = torch.ops.aten


class Calls(TorchDispatchMode):
    """Counts what torch is asked for in inference: operations that write numbers, and multiply-adds.

    A view of numbers that are there already is no operation, nor is dropout, which returns its input in inference.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.multiply_adds = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called in place of every operation."""
        out = func(*args, **(kwargs or {}))
        self.operations += isinstance(out, Tensor) and (func._schema.is_mutable or not shares(out, args[0]))
        if func in (aten.conv2d.default, aten.conv2d.padding, aten.linear.default):
            self.multiply_adds += out.numel() * args[1][0].numel()
        elif func is aten.scaled_dot_product_attention.default:
            self.multiply_adds += 2 * args[0].numel() * args[1].shape[-2]
        return out


def shares(out: Tensor, x: Any) -> bool:
    """Whether both are views of the same memory."""
    return isinstance(x, Tensor) and out.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()


def image(name: str) -> Tensor:
    """One image of the network's size."""
    return torch.rand(1, *SHAPES.get(name, (3, 224, 224)))


def built(make: Callable[[], nn.Module]) -> nn.Module:
    """The network with ordinary numbers: what they are does not matter."""
    with torch.device("meta"):
        model = make().eval()
    model.to_empty(device=torch.get_default_device())
    for value in model.state_dict().values():
        value.fill_(0.01 if value.is_floating_point() else 0)
    return model


def spent(model: nn.Module, x: Tensor, calls: Calls | None = None) -> float:
    """Processor seconds of one pass, counted by ``calls``; what other programs take does not count."""
    start = time.process_time()
    with calls or nullcontext():
        out = model(x)
    out.sum().item()  # waits for an accelerator
    return time.process_time() - start


def rounded(ratio: float) -> str:
    """As coarsely as repeated runs agree: to 0.05, from 1 on to 0.1, from 2 on to 0.5."""
    steps = 20 if ratio < 1 else 10 if ratio < 2 else 2
    value = round(ratio * steps) / steps
    return f"{value:.2f}" if value < 1 else f"{value:.1f}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    operations: dict[str, int] = {}
    work: dict[str, int] = {}
    times: dict[str, list[float]] = {"ResNet-50": [1.0]}
    with torch.inference_mode():
        for name, (make, shape) in OTHERS.items():
            spent(built(make), torch.rand(1, *shape), calls := Calls())
            operations[name] = calls.operations
        resnet, picture = built(ResNet), image("ResNet-50")
        spent(resnet, picture, calls := Calls())  # the first pass also chooses how to compute each layer
        operations["ResNet-50"], work["ResNet-50"] = calls.operations, calls.multiply_adds
        names = [name for name in NETWORKS if name != "ResNet-50"]
        for first in range(0, len(names), TOGETHER):
            models = {name: (built(NETWORKS[name]), image(name)) for name in names[first : first + TOGETHER]}
            for turn in range(ROUNDS):
                unit = spent(resnet, picture)  # in every round, so that both were measured under the same load
                for name, (model, x) in models.items():
                    if turn == 0:
                        times[name] = [spent(model, x, calls := Calls()) / unit]
                        operations[name], work[name] = calls.operations, calls.multiply_adds
                    elif turn == 1 or work[name] < work["ResNet-50"]:  # two rounds are enough for a long pass
                        times[name].append(spent(model, x) / unit)
    pixels = {name: image(name).shape[-1] for name in operations}
    counts = {"operations": operations, "multiply_adds": work, "pixels": pixels}
    Path("index-latency.json").write_text(json.dumps(counts), encoding="utf-8")

    rows = {name: (work[name] / work["ResNet-50"], statistics.median(times[name])) for name in NETWORKS}
    with Path("index-latency-measured.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["network", "multiply-adds ÷ ResNet-50's", "time ÷ ResNet-50's"]
        csv.writer(file).writerows([head, *([name, f"{x:.2f}", rounded(y)] for name, (x, y) in rows.items())])
    _, axes = plt.subplots(figsize=(6.2, 5))
    axes.loglog(*zip(*rows.values(), strict=True), "o")
    ends = [0.05, 5]
    axes.plot(ends, ends, "--", label="time in proportion to multiply-adds")
    for name in ("GhostNet 1.0×", "MixNet-S", "AlexNet", "MobileViT-S", "Inception v3"):
        axes.annotate(name, rows[name], textcoords="offset points", xytext=(-3, 5), ha="right")
    for name in ("MobileNetV4-Conv-S", "FasterNet-T0", "RepVGG-A0", "ResNet-50", "VGG-16"):
        axes.annotate(name, rows[name], textcoords="offset points", xytext=(5, -11))
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(ticks := [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5], map(str, ticks))
    axes.minorticks_off()
    axes.set(xlim=(0.007, 9), ylim=(0.04, 6))
    axes.set(xlabel="multiply-adds relative to ResNet-50", ylabel="time relative to ResNet-50")
    axes.legend()
    plt.savefig("index-latency-measured.svg")
    print(f"{len(rows)} networks timed on one image each, the operations of {len(operations)} counted")
