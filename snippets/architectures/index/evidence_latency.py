"""How long each network takes for one image, beside its multiply-adds, both relative to ResNet-50.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018, section 1
"""

import csv
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from snippets.architectures.alexnet.from_scratch import AlexNet
from snippets.architectures.convnext.from_scratch import ConvNeXt
from snippets.architectures.convnext_v2.from_scratch import ConvNeXtV2
from snippets.architectures.densenet.from_scratch import DenseNet
from snippets.architectures.efficientnet.from_scratch import EfficientNet
from snippets.architectures.efficientnet_v2.from_scratch import EfficientNetV2
from snippets.architectures.googlenet.from_scratch import GoogLeNet
from snippets.architectures.inception_v3.from_scratch import InceptionV3
from snippets.architectures.inception_v4.from_scratch import InceptionV4
from snippets.architectures.mlp_mixer.from_scratch import MLPMixer
from snippets.architectures.regnet.from_scratch import VARIANTS, RegNet
from snippets.architectures.repvgg.from_scratch import RepVGG, fused
from snippets.architectures.resnet.from_scratch import ResNet
from snippets.architectures.resnet_d.from_scratch import ResNetD
from snippets.architectures.resnet_v2.from_scratch import ResNetV2
from snippets.architectures.resnext.from_scratch import ResNeXt
from snippets.architectures.senet.from_scratch import SEResNet
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
SIZES = {"Inception v3": 299, "EfficientNetV2-S": 384, "Inception v4": 299, "Xception": 299, "MobileViT-S": 256}


def measured(make: Callable[[], nn.Module], size: int) -> tuple[float, float]:
    """Seconds of a pass over one image (1, 3, size, size), and its multiply-adds in billions."""
    with torch.device("meta"):
        model = make().eval()
    model.to_empty(device=torch.get_default_device())
    for value in model.state_dict().values():  # what the numbers are does not matter, but that they are ordinary
        value.fill_(0.01 if value.is_floating_point() else 0)
    x = torch.rand(1, 3, size, size)
    with FlopCounterMode(display=False) as counter:  # this pass also chooses how each layer is computed
        model(x)
    start = time.perf_counter()
    model(x).sum().item()  # waits for an accelerator
    return time.perf_counter() - start, counter.get_total_flops() / 2e9


if __name__ == "__main__":
    with torch.inference_mode():
        found = {name: measured(make, SIZES.get(name, 224)) for name, make in NETWORKS.items()}
    seconds, operations = found["ResNet-50"]
    rows = {name: (work / operations, spent / seconds) for name, (spent, work) in found.items()}
    with Path("index-latency-measured.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["network", "multiply-adds ÷ ResNet-50's", "time ÷ ResNet-50's"]
        csv.writer(file).writerows([head, *([name, f"{x:.2f}", f"{y:.2f}"] for name, (x, y) in rows.items())])
    plt.figure(figsize=(6.2, 5))
    plt.loglog(*zip(*rows.values(), strict=True), "o")
    ends = [0.02, 8]
    plt.plot(ends, ends, "--", label="time in proportion to multiply-adds")
    for name in ("AlexNet", "VGG-16", "DenseNet-121", "EfficientNet-B0", "MobileNetV2", "ConvNeXt-T", "SqueezeNet 1.0"):
        plt.annotate(name, rows[name], textcoords="offset points", xytext=(6, -3))
    plt.xlabel("multiply-adds relative to ResNet-50")
    plt.ylabel("time relative to ResNet-50")
    plt.legend()
    plt.savefig("index-latency-measured.svg")
    print(f"{len(rows)} networks, one image each")
