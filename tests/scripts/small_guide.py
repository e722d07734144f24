"""A small guide of one entry, for tests to break."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.problems import ROOT

SECTIONS = """- id: demo
  families:
    - {en: Numbers, zh: 数, entries: [double]}
"""
BIB = """@article{doe2020paper,
  title = {A Paper},
  author = {Doe, Jane and Roe, Richard and Poe, Paul},
  year = {2020},
  eprint = {2001.00001},
}
"""
PAGE_EN = """---
title: Double
summary: Doubles its input.
aliases: [times two]
year: 2020
papers: [doe2020paper]
torch: [torch.add]
related: []
tags: [numbers]
formerly: [twice, sums/times-two]
kind: concept
situation: numbers
---

# Double

--8<-- "facts"

**In short.** Computes $2x$ [@doe2020paper].

## Use it when

- a number is too small;

## Think twice when

- it is large enough;

## Code

--8<-- "use.py"

## What our experiment shows {#evidence}

![a straight line](figure:double.svg "The line.")

--8<-- "evidence.py"

## Pitfalls

- [Doubling is linear](claim:linear). See [the section](index.md).
"""
PAGE_ZH = """---
title: 加倍
summary: 把输入加倍。
aliases: [乘二]
situation: 数
---

# 加倍

--8<-- "facts"

**一句话概括：** 计算 $2x$[@doe2020paper]。

## 何时使用 {#use-it-when}

- 数太小；

## 何时慎用 {#think-twice-when}

- 已经够大；

## 代码 {#code}

--8<-- "use.py"

## 我们的实验说明了什么 {#evidence}

![一条直线](figure:double.svg "直线。")

--8<-- "evidence.py"

## 常见陷阱 {#pitfalls}

- [加倍是线性的](claim:linear)。见[本章](index.md)。
"""
SNIPPET = '''"""Doubling.

Source: Doe et al., "A Paper", 2020.
"""

import torch


def double(x: torch.Tensor) -> torch.Tensor:
    """Twice ``x``, of its shape."""
    return x + x


if __name__ == "__main__":
    print("double of 2:", int(double(torch.tensor(2))))
'''
EVIDENCE = '''"""A line."""

import matplotlib.pyplot as plt
import torch

from snippets.demo.double.use import double

if __name__ == "__main__":
    plt.plot([0, 1], double(torch.tensor([0, 1])).tolist())
    plt.savefig("double.svg")
    with open("double.csv", "w") as file:
        file.write("x,y\\n0,0\\n1,2\\n")
'''
TEST = '''"""Doubling."""

import torch

from snippets.demo.double.use import double


def test_linear():
    """Doubling is linear."""
    x, y = torch.rand(3), torch.rand(3)
    torch.testing.assert_close(double(x + y), double(x) + double(y))
'''
INDEX = '---\ntitle: "{title}"\nsummary: "{title}."\n---\n\n# {title}\n\n{body}\n'


SEARCH = "double:\n  - make it twice\n"
TAGS = "- {id: numbers, en: numbers, zh: 数}\n"


def write(root: Path, name: str, text: str) -> None:
    """Write one file of the tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def plant(root: Path) -> Path:
    """The sources of the small guide, below ``root``."""
    write(root, "docs/sections.yaml", SECTIONS)
    write(root, "docs/papers.bib", BIB)
    write(root, "docs/tags.yaml", TAGS)
    write(root, "docs/search/demo.en.yaml", SEARCH)
    write(root, "docs/en/demo/double.md", PAGE_EN)
    write(root, "docs/zh/demo/double.md", PAGE_ZH)
    for lang, home, section in (("en", "Home", "Demo"), ("zh", "首页", "示例")):
        write(root, f"docs/{lang}/index.md", INDEX.format(title=home, body='--8<-- "sections"'))
        body = '--8<-- "comparison"\n\n--8<-- "timeline"'
        write(root, f"docs/{lang}/demo/index.md", INDEX.format(title=section, body=body))
        for name, piece in (("papers", "papers"), ("torch", "torch"), ("tags", "tags")):
            write(root, f"docs/{lang}/{name}.md", INDEX.format(title=name, body=f'--8<-- "{piece}"'))
    write(root, "snippets/demo/double/use.py", SNIPPET)
    write(root, "snippets/demo/double/evidence.py", EVIDENCE)
    write(root, "tests/snippets/demo/test_double.py", TEST)
    return root


def plant_whole(root: Path) -> Path:
    """The small guide with the real build beside it, so that ``python -m scripts.build`` runs there."""
    plant(root)
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "theme", root / "docs" / "theme")
    for name in ("mkdocs.yml", "mkdocs.zh.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    # Of the build's own modules the reference shows one: to render all takes two thirds of a rendering.
    edit(root, "scripts/generate/reference.py", 'rglob("*.py")', 'glob("problems.py")')
    return root


def edit(root: Path, name: str, old: str, new: str) -> int:
    """Replace ``old`` by ``new`` in one file of the tree; the line where it stood."""
    text = (root / name).read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {name}"
    (root / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text.count("\n", 0, text.index(old)) + 1
