"""The page that reads loss curves: in the browser it says what the build's rules say, and sends nothing anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts.generate import reader
from tests.scripts.test_curve_reader import MADE, falling, log

EDITIONS = ("", "zh/")


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_shape_opens_with_its_numbers_and_symptoms(page: Page, address, edition):
    asked: list[str] = []
    page.goto(f"{address}{edition}curves.html", wait_until="networkidle")
    page.on("request", lambda request: asked.append(request.url))
    field = page.locator("form.reader textarea")
    for texts in MADE.values():
        for text in texts:
            field.fill(text)
            shown = page.locator(".shapes details:visible")
            assert [part.get_attribute("id") for part in shown.all()] == [
                f"shape-{shape}" for shape in order(reader.shapes(text))
            ]
            for part in shown.all():
                expect(part.locator(".says")).to_be_visible()
                assert "{" not in part.locator(".says").inner_text()
    assert not [url for url in asked if not url.endswith("/favicon.svg")]  # which a browser fetches when it likes


def order(shapes: list[str]) -> list[str]:
    """In the order of the page."""
    return [shape for shape in reader.SHAPES if shape in shapes]


def test_good_curves_few_numbers_and_no_text(page: Page, address):
    page.goto(f"{address}curves.html")
    field, status = page.locator("form.reader textarea"), page.locator("form.reader [role=status]")
    everything = page.locator(".shapes details:visible").count()
    assert everything == len(reader.SHAPES)
    field.fill(log(loss=falling()))
    expect(status).to_contain_text("None of these shapes")
    field.fill("loss 1.0")
    expect(status).to_contain_text("too few numbers")
    field.fill("")
    expect(status).to_be_empty()
    assert page.locator(".shapes details:visible").count() == everything


def test_a_file_is_read(page: Page, address, tmp_path: Path):
    file = tmp_path / "run.csv"
    file.write_text("epoch,loss\n" + "\n".join(f"{i},{2.303}" for i in range(20)))
    page.goto(f"{address}curves.html")
    page.locator("form.reader input[type=file]").set_input_files(file)
    expect(page.locator("#shape-flat .says")).to_have_text("The loss hardly moves: 2.3 at the start, 2.3 at the end.")
    link = page.locator("#shape-flat li a").first
    assert "checklist/" in (link.get_attribute("href") or "")


def test_without_a_script_the_shapes_are_a_list(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}curves.html")
    assert page.locator("form.reader").is_hidden()
    page.locator("#shape-lost summary").click()
    expect(page.locator("#shape-lost li a").first).to_be_visible()
    context.close()
