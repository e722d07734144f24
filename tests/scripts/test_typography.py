"""Numbers and signs are written in one way, and what is not is named with its line."""

from __future__ import annotations

import pytest

from scripts.sources import checks
from scripts.sources.catalog import load
from tests.scripts.small_guide import edit

PAGES = {"en": ("docs/en/demo/double.md", "- a number is too small;"), "zh": ("docs/zh/demo/double.md", "- 数太小；")}

WRONG = [
    ("en", "- of 1 000 steps;", "a number with a space in it"),
    ("en", "- of 1000 steps;", "a number without its comma"),
    ("en", "- of 16000 steps;", "a number without its comma"),
    ("en", "- of 400 x 400 maps;", "an x for a times sign"),
    ("en", "- of 5 % of all;", "a space before the percent sign"),
    ("en", "- from -1 to 1;", "a hyphen for a minus sign"),
    ("zh", "- 共 10 000 步；", "a number with a space in it"),
    ("zh", "- 共 1,000 步；", "a comma in a number of four digits"),
    ("zh", "- 共 10000 步；", "a number without its comma"),
    ("zh", "- 3x3 的卷积；", "an x for a times sign"),
    ("zh", "- 占 5 % 以上；", "a space before the percent sign"),
    ("zh", "- 在 -1 附近；", "a hyphen for a minus sign"),
    ("zh", "- 共10 步；", "Han and Latin without a space"),
    ("zh", "- 用 Adam训练；", "Han and Latin without a space"),
    ("zh", "- 太小, 太大；", "a half-width sign beside Han"),
    ("zh", "- 太小(或太大)；", "a half-width sign beside Han"),
    ("zh", "- 学习率小了十倍；", "a decrease in 倍"),
    ("zh", "- 方差缩小了约 3 倍；", "a decrease in 倍"),
]
RIGHT = [
    ("en", "- 1,000 of 16,000 steps, width 4096, 1024 × 768 pixels, in 1989, on a GTX 1080, `1000` or $1000$;"),
    (
        "en",
        "- −9999, 0.00001, 2.5e10, ResNet-1001, issue 24725, pytorch#15314, 1/65536, 5%, 3×3, 32x4d, −1, layers 3-5;",
    ),
    ("zh", "- 1000 步、10,000 步、4 万步；宽 4096；1989 年；[pytorch#15314](https://a.example/1000)；`1,000x 5 %`；"),
    ("zh", "- 降到三分之一，缩小到 0.3 倍，放大三倍，3×3，5%，−1，ResNet-50（残差网络），$-1$；"),
]


@pytest.mark.parametrize(("lang", "new", "message"), WRONG)
def test_what_is_written_otherwise_is_named(guide, lang, new, message):
    path, old = PAGES[lang]
    line = edit(guide, path, old, new)
    problems = list(checks.check_typography(load(guide)))
    assert {(problem.path, problem.line, problem.message.partition(":")[0]) for problem in problems} == {
        (path, line, message)
    }


@pytest.mark.parametrize(("lang", "new"), RIGHT)
def test_sizes_names_and_code_are_left_alone(guide, lang, new):
    edit(guide, PAGES[lang][0], PAGES[lang][1], new)
    assert not list(checks.check_typography(load(guide)))


def test_summaries_are_read_and_other_names_are_not(guide):
    path = PAGES["zh"][0]
    line = edit(guide, path, "summary: 把输入加倍。", "summary: 把输入乘以 1,000。")
    edit(guide, path, "aliases: [乘二]", 'aliases: ["1,000 倍", 3x3]')
    assert [problem.line for problem in checks.check_typography(load(guide))] == [line]
