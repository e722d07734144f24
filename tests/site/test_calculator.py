"""The calculator of layers in a browser: numbers, errors in words, keyboard, address, code that makes the layers."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from torch import nn

from tests.scripts.test_calculator import ask, drawn, shapes

EDITIONS = ("", "zh/")


@pytest.mark.parametrize("edition", EDITIONS)
def test_stacks_from_addresses_show_what_torch_says(page: Page, address, edition):
    """100 random stacks in each edition: sizes of every layer up to torch's first refusal, which is explained in words;
    the copied code of those that fit makes the layers."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chance, copied = random.Random(f"browser{edition}"), 0
    page.goto(f"{address}{edition}convolutions/index.html")
    says = page.locator(".calculator li .layer-says")
    for _ in range(100):
        given = {"channels": 4, "height": chance.randint(4, 24), "width": chance.randint(4, 24)}
        stack = drawn(chance, 3)
        page.evaluate("hash => { location.hash = hash }", ask("write", given, stack))
        expected, modules = shapes(*given.values(), stack)
        first = " × ".join(map(str, expected[0])) if expected else ""
        expect(says).to_have_count(len(stack))
        expect(says.first).to_contain_text(first)
        texts = says.all_inner_texts()
        for shape, text in zip(expected, texts, strict=False):
            assert text.startswith(" × ".join(map(str, shape)) + " ·"), (stack, text)
        for text in texts[len(expected) :]:
            assert "{" not in text
            assert "·" not in text
        copy = page.locator("[data-do=copy]")
        assert copy.is_disabled() == (len(expected) < len(stack))
        if not copy.is_disabled():
            page.evaluate("navigator.clipboard.writeText('')")
            copy.click()
            page.wait_for_function("async () => (await navigator.clipboard.readText()) !== ''")
            names: dict[str, Any] = {}
            exec(page.evaluate("navigator.clipboard.readText()"), names)
            assert str(names["model"]) == str(nn.Sequential(*modules)), stack
            copied += 1
    assert copied > 20


def test_a_faulty_stack_can_be_shared(page: Page, address):
    """The address holds it, and shows the same again; an empty field leaves the address as it was."""
    page.goto(f"{address}convolutions/index.html#in=3.32.32&layers=conv.8.3.1.1.1.1")
    first = page.locator(".calculator li").first
    first.get_by_label("kernel").fill("700")
    assert page.evaluate("location.hash").endswith("&layers=conv.8.700.1.1.1.1")  # page.url follows later
    words = first.locator(".layer-says").inner_text()
    page.reload()
    expect(first.locator(".layer-says")).to_have_text(words)
    first.get_by_label("kernel").fill("")
    assert page.evaluate("location.hash").endswith("&layers=conv.8.700.1.1.1.1")  # page.url follows later


def test_typing_adding_removing_and_copying(page: Page, address):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}convolutions/index.html#in=3.32.32&layers=conv.8.3.1.1.1.1")
    first = page.locator(".calculator li").first
    expect(first.locator(".layer-says")).to_contain_text("8 × 32 × 32")
    first.get_by_label("stride").fill("2")
    expect(first.locator(".layer-says")).to_contain_text("8 × 16 × 16")
    assert page.url.endswith("#in=3.32.32&layers=conv.8.3.2.1.1.1")
    first.get_by_label("kernel").fill("40")
    expect(first.locator(".layer-says")).to_have_text("The kernel spans 40 pixels, more than the padded input's 34.")
    first.get_by_label("kernel").fill("")
    expect(first.locator(".layer-says")).to_have_text("'kernel' must be a whole number from 1 on.")
    first.get_by_label("kernel").fill("3")
    page.locator("[data-do=add]").press("Enter")
    second = page.locator(".calculator li").nth(1)
    expect(second.locator("select")).to_be_focused()
    second.locator("select").select_option("max")
    expect(second.locator(".layer-says")).to_contain_text("8 × 8 × 8")
    page.locator("[data-do=copy]").click()
    expect(page.locator(".calculator [role=status]")).to_have_text("copied")
    names: dict[str, Any] = {}
    exec(page.evaluate("navigator.clipboard.readText()"), names)
    _, modules = shapes(
        3,
        32,
        32,
        [
            {"kind": "conv", "out": 8, "kernel": 3, "stride": 2, "padding": 1},
            {"kind": "max", "kernel": 2, "stride": 2},
        ],
    )
    assert str(names["model"]) == str(nn.Sequential(*modules))
    second.get_by_title("Remove layer").click()
    expect(page.locator(".calculator li")).to_have_count(1)
    page.reload()
    expect(page.locator(".calculator li")).to_have_count(1)
    expect(page.locator(".calculator li .layer-says")).to_contain_text("8 × 16 × 16")
