"""The calculator of layers: its place on the page and its words; docs/theme/assets/layers/ computes in the browser."""

from __future__ import annotations

import json

from scripts.generate import html

WORDS: dict[str, dict[str, str]] = {
    "channels": {"en": "channels", "zh": "通道数"},
    "height": {"en": "height", "zh": "高"},
    "width": {"en": "width", "zh": "宽"},
    "kind": {"en": "kind of layer", "zh": "层的种类"},
    "out": {"en": "output channels", "zh": "输出通道"},
    "kernel": {"en": "kernel", "zh": "卷积核"},
    "stride": {"en": "stride", "zh": "步幅"},
    "padding": {"en": "padding", "zh": "填充"},
    "outputPadding": {"en": "output padding", "zh": "输出填充"},
    "dilation": {"en": "dilation", "zh": "膨胀率"},
    "groups": {"en": "groups", "zh": "组数"},
    "input": {"en": "Input", "zh": "输入"},
    "add": {"en": "Add a layer", "zh": "添加一层"},
    "remove": {"en": "Remove layer", "zh": "删除第"},
    "copy": {"en": "Copy as nn.Sequential", "zh": "复制为 nn.Sequential"},
    "copied": {"en": "copied", "zh": "已复制"},
    "waits": {"en": "waits for the layer above", "zh": "等待上一层"},
    "row": {
        "en": "{0} · an output sees {1} pixels of the input in a row · jump {2} · {3} parameters · {4} multiply-adds",
        "zh": "{0} · 每个输出在一行中看到输入的 {1} 个像素 · 间距 {2} · {3} 个参数 · {4} 次乘加",
    },
    "sum": {"en": "Together: {0} parameters, {1} multiply-adds", "zh": "合计：{0} 个参数，{1} 次乘加"},
    "fault-number": {
        "en": "'{0}' must be a whole number from {1} on.",
        "zh": "“{0}”必须是不小于 {1} 的整数。",
    },
    "fault-groups-in": {
        "en": "{0} input channels cannot be divided into {1} groups.",
        "zh": "{0} 个输入通道不能平均分成 {1} 组。",
    },
    "fault-groups-out": {
        "en": "{0} output channels cannot be divided into {1} groups.",
        "zh": "{0} 个输出通道不能平均分成 {1} 组。",
    },
    "fault-pool-padding": {
        "en": "A pooling layer's padding, {0}, may be at most half of its kernel, {1}.",
        "zh": "池化层的填充 {0} 不能超过卷积核 {1} 的一半。",
    },
    "fault-output-padding": {
        "en": "Output padding {0} must be smaller than the stride {1} or the dilation {2}.",
        "zh": "输出填充 {0} 必须小于步幅 {1} 或膨胀率 {2}。",
    },
    "fault-kernel": {
        "en": "The kernel spans {0} pixels, more than the padded input's {1}.",
        "zh": "卷积核跨越 {0} 个像素，大于填充后输入的 {1} 个。",
    },
    "fault-nothing-left": {
        "en": "Nothing is left: the output would have {0} pixels in a row.",
        "zh": "什么都不剩：输出每行只有 {0} 个像素。",
    },
}


def calculator(lang: str) -> str:
    """HTML of the calculator; without a script it stays hidden."""
    words = {name: said[lang] for name, said in WORDS.items()}
    buttons = "".join(f'<button type="button" data-do="{name}">{words[name]}</button>' for name in ("add", "copy"))
    return (
        f'<div class="calculator" hidden data-words="{html.attr(json.dumps(words, ensure_ascii=False))}">'
        f'<div class="layer-input"><strong>{words["input"]}</strong></div><p class="input-says layer-says"></p>'
        '<ol></ol><p class="stack-says"></p>'
        f'<p class="calculator-tools">{buttons} <span role="status"></span></p></div>\n'
    )
