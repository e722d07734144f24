"""The schedule explorer in a browser: what it draws and copies equals torch, by mouse, keyboard, touch and address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.site.test_every_page import AXE, violations
from tests.support import explorer

PAGES = ("schedulers/index.html", "zh/schedulers/index.html")
DRAWN = """() => {
  const { curves, steps } = document.getElementById("schedule-explorer");
  const scale = document.querySelector(".plot svg").scale;
  const line = (id) => document.querySelector(`polyline[data-schedule="${id}"]`);
  return curves.map((curve) => ({ ...curve, steps, scale, points: line(curve.id).getAttribute("points") }));
}"""
Curve = dict[str, Any]
Open = Callable[..., Page]


@pytest.fixture
def opened(page: Page, address: str) -> Open:
    """Opens the explorer with a query."""

    def open_(name: str = PAGES[0], **query: object) -> Page:
        page.goto(f"{address}{name}?{urlencode(query)}")
        expect(page.locator(".schedule-explorer")).to_be_visible()
        return page

    return open_


def drawn(page: Page) -> dict[str, Curve]:
    """What the page shows: its curves by the schedule's id."""
    return {curve["id"]: curve for curve in page.evaluate(DRAWN)}


def assert_is_torch(curve: Curve) -> list[float]:
    """The data and the line of a curve against torch; returns torch's rates.

    The line's points are rounded to a hundredth of a pixel.
    """
    settings, scale = curve["settings"], curve["scale"]
    wanted = explorer.expected(curve["id"], settings)
    assert not explorer.differences(curve["rates"], wanted, settings["lr"]), (curve["id"], settings)
    points = [tuple(map(float, point.split(","))) for point in curve["points"].split()]
    assert len(points) == len(wanted) == curve["steps"]
    height, width = scale["bottom"] - scale["top"], scale["right"] - scale["left"]
    for step, ((x, y), rate) in enumerate(zip(points, wanted, strict=True)):
        assert abs(x - scale["left"] - width * step / (len(wanted) - 1)) < 0.0051, (curve["id"], step)
        assert abs(scale["bottom"] - y - height * rate / scale["highest"]) < 0.0051, (curve["id"], step)
    return wanted


def copied(page: Page) -> str:
    """What the copy button puts on the clipboard, which held something else before."""
    before = page.evaluate("navigator.clipboard.readText()")
    page.locator(".schedule-explorer .md-button--primary").click()
    expect(page.locator(".buttons [role=status]")).to_have_text(re.compile("Copied|已复制"))
    after = str(page.evaluate("navigator.clipboard.readText()"))
    assert after != before
    return after


def slider(page: Page, schedule: str, setting: str) -> Locator:
    return page.locator(f"input[type=range][aria-labelledby='explorer-{schedule}-{setting}-label']")


def field(page: Page, schedule: str, setting: str) -> Locator:
    return page.locator(f"[id='explorer-{schedule}-{setting}']")


@pytest.mark.parametrize("seed", range(4))
def test_every_schedule_equals_torch_and_so_does_its_copied_code(opened: Open, seed):
    """All schedules at once, their settings from the address: data, lines and clipboard."""
    page = opened()
    common, own = explorer.spread(page.evaluate, seed)
    ids = page.evaluate("GuideExplorer.SCHEDULES.map((schedule) => schedule.id)")
    asked = {f"{schedule}.{name}": value for schedule, each in own.items() for name, value in each.items()}
    opened(PAGES[seed % 2], schedules=".".join(ids), **common, **asked)
    curves = drawn(page)
    assert list(curves) == ids
    assert len(ids) >= 19
    for schedule, curve in curves.items():
        for name, value in {**common, **own.get(schedule, {})}.items():
            assert curve["settings"][name] == value, "what the address says must count"
        wanted = assert_is_torch(curve)
        page.locator("#explorer-focus").select_option(schedule)
        code = copied(page)
        assert code == page.locator(".schedule-explorer pre code").text_content()
        assert not explorer.differences(explorer.run(code), wanted, curve["settings"]["lr"]), (schedule, code)


@pytest.mark.parametrize("part", range(4))
def test_every_slider_number_and_choice_moves_its_curve(opened: Open, part):
    """By arrow keys, typing and choosing, for every setting of every schedule, a quarter of them each time."""
    page = opened()
    ids = page.evaluate("GuideExplorer.SCHEDULES.map((schedule) => schedule.id)")[part::4]
    opened(schedules=".".join(ids), steps=60)
    for each in ids:
        page.locator("#explorer-focus").select_option(each)
        names = page.evaluate(f"GuideExplorer.SCHEDULES.find((s) => s.id === '{each}').settings.map((s) => s.name)")
        for name in names:
            before = drawn(page)[each]["settings"][name]
            if (choice := field(page, each, name)).evaluate("e => e.tagName") == "SELECT":
                choice.select_option(index=1)
                assert drawn(page)[each]["settings"][name] == choice.input_value() != before
            else:
                key = "ArrowLeft" if before == field(page, each, name).evaluate("e => Number(e.max)") else "ArrowRight"
                slider(page, each, name).press(key)
                moved = drawn(page)[each]["settings"][name]
                assert moved != before
                assert float(field(page, each, name).input_value()) == moved
                field(page, each, name).fill(str(before))
                assert drawn(page)[each]["settings"][name] == before
                slider(page, each, name).press(key)
                assert drawn(page)[each]["settings"][name] == moved
            assert_is_torch(drawn(page)[each])
        code = copied(page)
        curve = drawn(page)[each]
        assert not explorer.differences(explorer.run(code), curve["rates"], curve["settings"]["lr"])


def test_base_rate_and_length_move_all_curves(opened: Open):
    page = opened(schedules="warmup-cosine.step-lr.swalr")
    field(page, "all", "lr").fill("0.003")
    slider(page, "all", "steps").press("PageUp")
    slider(page, "all", "steps").press("ArrowRight")
    slider(page, "all", "lr").press("ArrowRight")
    curves = drawn(page)
    assert len(curves) == 3
    for curve in curves.values():
        assert curve["settings"]["lr"] == 0.00309  # 10 ** -2.51: the slider moves in hundredths of a power of ten
        assert curve["settings"]["steps"] > 200
        assert_is_torch(curve)
    field(page, "all", "lr").press("ArrowUp")
    assert drawn(page)["swalr"]["settings"]["lr"] == pytest.approx(0.00309 * 10**0.05, rel=0.01)


def test_touch(browser: Browser, address):
    """On a phone: a tap chooses a schedule, moves a slider, reads a rate off the curves, and copies."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, permissions=["clipboard-read"]
    )
    page = context.new_page()
    page.goto(address + PAGES[0] + "?schedules=")
    expect(page.get_by_text("Choose a schedule to see its curve.")).to_be_visible()
    page.locator(".choice").get_by_text("PolynomialLR", exact=True).tap()
    assert list(drawn(page)) == ["polynomial-lr"]
    power = slider(page, "polynomial-lr", "power")
    box = power.bounding_box()
    assert box
    assert box["height"] >= 24
    power.tap(position={"x": box["width"] * 0.8, "y": box["height"] / 2})
    curve = drawn(page)["polynomial-lr"]
    assert 3.5 < curve["settings"]["power"] < 4.5  # from 0.1 to 5
    assert_is_torch(curve)
    plot = page.locator(".plot svg")
    where = curve["scale"]
    plot.tap(position={"x": (where["left"] + where["right"]) / 2, "y": 100})
    step = int(page.locator("input.reader").input_value())
    assert 98 <= step <= 101
    shown = float(page.locator(".readout b").inner_text())
    assert shown == pytest.approx(curve["rates"][step], rel=1e-3)
    page.locator(".schedule-explorer .md-button--primary").tap()
    expect(page.locator(".buttons [role=status]")).to_have_text("Copied.")
    assert not explorer.differences(
        explorer.run(page.evaluate("navigator.clipboard.readText()")), curve["rates"], curve["settings"]["lr"]
    )
    context.close()


def test_pointer_reads_the_rates_of_an_update(opened: Open):
    page = opened(schedules="warmup-cosine.step-lr", steps=100)
    scale = drawn(page)["step-lr"]["scale"]
    x = scale["left"] + (scale["right"] - scale["left"]) * 30 / 99
    page.locator(".plot svg").hover(position={"x": x, "y": 90})
    expect(page.locator(".readout")).to_contain_text("Update 30:")
    rates = [curve["rates"][30] for curve in drawn(page).values()]
    for shown, rate in zip(page.locator(".readout b").all_text_contents(), rates, strict=True):
        assert float(shown) == pytest.approx(rate, rel=1e-3)
    page.locator("input.reader").press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("Update 31:")
    assert "StepLR" in str(page.locator("input.reader").get_attribute("aria-valuetext"))
    x = scale["left"] + (scale["right"] - scale["left"]) * 31 / 99
    circles = page.locator(".marks circle").all()
    assert [float(str(circle.get_attribute("cx"))) for circle in circles] == pytest.approx([x, x])


def test_state_is_in_the_address(opened: Open, browser: Browser):
    """It survives a reload, another browser and the other language, and fills no history."""
    page = opened(utm="kept")
    entries = page.evaluate("history.length")
    assert parse_qs(urlsplit(page.url).query) == {"utm": ["kept"]}, "nothing was changed yet"
    page.get_by_role("checkbox", name="ExponentialLR").check()
    for key in ["ArrowLeft"] * 20:
        slider(page, "exponential-lr", "gamma").press(key)
    field(page, "all", "steps").fill("120")
    page.get_by_role("checkbox", name="OneCycleLR").uncheck()
    page.wait_for_url(re.compile(r"steps=120.*#explorer"))
    page.wait_for_url(lambda url: "one-cycle-lr" not in url)
    query = parse_qs(urlsplit(page.url).query)
    assert query == {
        "utm": ["kept"],
        "schedules": ["warmup-cosine.step-lr.exponential-lr"],
        "focus": ["exponential-lr"],
        "steps": ["120"],
        "exponential-lr.gamma": ["0.978"],
    }
    assert page.evaluate("history.length") == entries
    here = drawn(page)
    for curve in here.values():
        assert_is_torch(curve)

    context = browser.new_context()
    other = context.new_page()
    other.goto(page.url)
    assert drawn(other).keys() == here.keys()
    assert [curve["rates"] for curve in drawn(other).values()] == [curve["rates"] for curve in here.values()]
    assert other.locator("#explorer-focus").input_value() == "exponential-lr"
    assert other.evaluate("document.querySelector('#explorer').getBoundingClientRect().top") < 200
    context.close()

    page.reload()
    assert [curve["rates"] for curve in drawn(page).values()] == [curve["rates"] for curve in here.values()]
    page.locator("a.guide-language").click()
    page.wait_for_url(re.compile("/zh/schedulers/index.html"))
    expect(page.get_by_text("复制 PyTorch 代码")).to_be_visible()
    assert [curve["rates"] for curve in drawn(page).values()] == [curve["rates"] for curve in here.values()]
    page.go_back()
    page.get_by_role("button", name="Reset").click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == {"utm": ["kept"]})
    assert list(drawn(page)) == ["warmup-cosine", "step-lr", "one-cycle-lr"]


FOCUSED = """() => {
  const e = document.activeElement;
  const label = e.id || e.getAttribute("aria-labelledby") || `${e.tagName} ${e.className}`;
  const name = e.type === "checkbox" ? e.value : label;
  return [Boolean(e.closest(".schedule-explorer")), name, getComputedStyle(e).outlineStyle];
}"""


def test_keyboard_alone_is_enough(opened: Open):
    """Tab reaches every control, in order, and shows where it is; the keys choose, set and copy."""
    page = opened(schedules="step-lr")
    page.evaluate("document.querySelector('#explorer').tabIndex = -1")
    page.locator("#explorer").focus()
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        if reached and not here[0]:
            break
        if here[0]:
            reached.append(here[1])
            assert here[2] != "none", here
        if here[1] == "inverse-sqrt":
            page.keyboard.press("Space")
        elif here[1] == "explorer-inverse-sqrt-warmup-label":
            page.keyboard.press("ArrowRight")
        elif here[1] == "explorer-all-steps":
            page.keyboard.press("ArrowUp")
        elif "md-button--primary" in here[1]:
            page.keyboard.press("Enter")
            expect(page.locator(".buttons [role=status]")).to_have_text("Copied.")
    else:
        pytest.fail("Tab does not leave the explorer")
    everything = page.locator(".schedule-explorer :is(input, select, button, a[href], summary, [tabindex])")
    visible = [e for e in everything.all() if e.is_visible()]
    assert len(reached) == len(set(reached)) == len(visible)
    curve = drawn(page)["inverse-sqrt"]
    assert curve["settings"] == {"lr": 0.1, "steps": 201, "warmup": 21}
    wanted = assert_is_torch(curve)
    code = page.evaluate("navigator.clipboard.readText()")
    assert not explorer.differences(explorer.run(code), wanted, 0.1)


def test_nonsense_in_the_address_does_no_harm(opened: Open):
    """It counts as not given, or as the bound that it exceeds; an unknown schedule as none."""
    page = opened(
        **{
            "schedules": "step-lr.nonsense.<img src=x onerror=alert(1)>.__proto__",
            "focus": "constructor",
            "lr": "1e999",
            "steps": "-5",
            "step-lr.gamma": "<script>alert(1)</script>",
            "step-lr.step_size": "2.4",
            "step-lr.warmup": "1e9",
            "step-lr.__proto__": "7",
            "one-cycle-lr.anneal_strategy": "'; import os",
        }
    )
    assert drawn(page).keys() == {"step-lr"}
    curve = drawn(page)["step-lr"]
    assert curve["settings"] == {"lr": 0.1, "steps": 20, "warmup": 10, "step_size": 2, "gamma": 0.3}
    assert_is_torch(curve)
    assert not page.locator(".schedule-explorer :is(img, script)").count()
    opened(schedules="nonsense", **{"one-cycle-lr.anneal_strategy": "'; import os"})
    assert list(drawn(page)) == ["warmup-cosine", "step-lr", "one-cycle-lr"]
    assert drawn(page)["one-cycle-lr"]["settings"]["anneal_strategy"] == "cos"


def test_nonsense_in_a_field_is_put_right(opened: Open):
    page = opened(schedules="step-lr")
    steps = field(page, "all", "steps")
    steps.fill("99999")
    assert drawn(page)["step-lr"]["steps"] == 2000
    steps.press("Tab")
    expect(steps).to_have_value("2000")
    steps.fill("")
    assert drawn(page)["step-lr"]["steps"] == 2000
    steps.press("Tab")
    expect(steps).to_have_value("2000")


@pytest.mark.parametrize(("name", "text"), [(PAGES[0], "needs JavaScript"), (PAGES[1], "需要 JavaScript")])
def test_page_stands_without_javascript(browser: Browser, address, name, text):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + name)
    expect(page.locator("#schedule-explorer")).to_contain_text(text)
    expect(page.locator("#schedule-explorer")).to_be_visible()
    assert not page.locator(".schedule-explorer").count()
    context.close()


CONTRASTS = """() => {
  const colour = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (name) => {
    colour.fillStyle = name;
    colour.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...colour.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("polyline.curve")].map((line) => {
    const ink = luminance(getComputedStyle(line).stroke);
    const [dark, light] = [ink, paper].sort((a, b) => a - b);
    return [getComputedStyle(line).stroke, line.getAttribute("stroke-dasharray"), (light + 0.05) / (dark + 0.05)];
  });
}"""


@pytest.mark.parametrize("scheme", ["default", "slate"])
@pytest.mark.parametrize("name", PAGES)
def test_all_curves_at_once_are_legible(opened: Open, name, scheme):
    """Each line differs from every other, several by dashes alone; enough contrast; axe; and no wider than a phone."""
    page = opened()
    ids = page.evaluate("GuideExplorer.SCHEDULES.map((schedule) => schedule.id)")
    opened(name, schedules=".".join(ids), focus="one-cycle-lr")
    page.evaluate("scheme => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
    page.wait_for_timeout(300)  # the scheme's colours fade in
    looks = page.evaluate(CONTRASTS)
    assert len({(stroke, dashes) for stroke, dashes, _ in looks}) == len(ids)
    assert len({dashes for _, dashes, _ in looks}) >= 5
    assert min(contrast for *_, contrast in looks) >= 3, looks
    page.locator(".schedule-explorer summary").click()
    page.evaluate(AXE)
    assert not violations(page, scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator(".plot svg").evaluate("e => e.getBoundingClientRect().width") <= 328
    for curve in drawn(page).values():
        assert_is_torch(curve)


def test_curves_stay_in_sight_while_a_slider_is_moved(browser: Browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.goto(address + PAGES[0] + "?schedules=one-cycle-lr")
    last = slider(page, "one-cycle-lr", "final_div_factor")
    last.evaluate("e => e.scrollIntoView({block: 'end'})")
    expect(page.locator(".plot svg")).to_be_in_viewport(ratio=0.9)
    inside = page.locator(".plot svg").bounding_box()
    below = last.bounding_box()
    assert inside
    assert below
    assert inside["y"] + inside["height"] < below["y"]
    context.close()
