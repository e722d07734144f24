"""From what a reader sees to its cause: the field, the picker, the check list, and planted bugs as data."""

from __future__ import annotations

import json
import re
import zipfile

import pytest
from jsonschema import Draft202012Validator
from lxml import html
from playwright.sync_api import Browser, Page, expect

from scripts.generate import front_door, reader
from scripts.generate.bugs import log
from scripts.generate.site import Site
from scripts.report import Report
from scripts.sources import causes
from scripts.sources.catalog import load
from tests.site.pages import SITE

EDITIONS = ("", "zh/")


def symptoms() -> list[str]:
    """Ids of the symptoms that have a page."""
    return [entry.id for entry in load().techniques if causes.is_symptom(entry)]


@pytest.mark.parametrize("edition", EDITIONS)
def test_field_of_the_home_page_searches(page: Page, address, edition):
    page.goto(f"{address}{edition}index.html")
    page.locator(".ask input").fill("loss becomes nan" if not edition else "损失变成 NaN")
    page.locator(".ask button").click()
    first = page.locator(".md-search-result__link").first
    expect(first).to_be_visible()
    assert "loss-nan" in (first.get_attribute("href") or "")


@pytest.mark.parametrize("edition", EDITIONS)
def test_picker_leads_to_every_symptom_and_every_cause_without_a_script(browser: Browser, address, edition):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}{edition}index.html")
    links = [link.get_attribute("href") or "" for link in page.locator(".picker a").all()]
    catalog = load()
    for symptom in symptoms():
        wanted = [f"checklist/{symptom}.html#{cause.id}" for cause in causes.of(catalog.by_id[symptom])]
        assert [link for link in links if link.startswith(f"checklist/{symptom}.html")] == [
            f"checklist/{symptom}.html",
            *wanted,
        ]
    shape = page.locator(".picker details").first
    shape.locator("summary").click()
    expect(shape.locator("a").first).to_be_visible()
    context.close()


@pytest.mark.parametrize("look", [look for look in causes.LOOKS if look not in causes.NO_CURVE])
def test_curve_drawn_beside_a_shape_is_one_of_that_shape(look):
    site = Site(load(), Report.read(SITE / "verification.json"), {})
    program = front_door.example(site, look)
    assert program is not None
    seen = reader.shapes(log(site, program))
    assert look in seen or (look == "fine" and not seen)
    for edition in EDITIONS:
        shape = html.parse(SITE / edition / "index.html").find(f".//details[@id='looks-{look}']/summary")
        assert shape is not None
        assert shape.find("svg") is not None


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_task_leads_to_its_places(edition):
    catalog = load()
    page = html.parse(SITE / edition / "tasks.html")
    assert [link.get("href") for link in page.findall(".//nav[@class='letters']/a")] == [
        f"#{t.id}" for t in catalog.tasks
    ]
    for task in catalog.tasks:
        (shown,) = page.xpath(f"//h2[@id='{task.id}']/following-sibling::ul[1]")
        wanted = {
            (f"{catalog.by_id[name].section}/{name}.html", place)
            for name, places in task.see.items()
            for place in (places or [cause.id for cause in causes.of(catalog.by_id[name])])
        }
        links = {tuple(link.get("href").split("#")) for link in shown.findall(".//ul//a")}
        assert links == wanted != set()


@pytest.mark.parametrize("name", ["index", "tasks", "bugs", "checklist/loss-nan"])
@pytest.mark.parametrize("edition", EDITIONS)
def test_headings_of_causes_show_their_code_as_code(edition, name):
    page = html.parse(SITE / edition / f"{name}.html")
    assert not [text for text in page.xpath("//main//a//text()[not(ancestor::pre)]") if "`" in text]


@pytest.mark.parametrize("edition", EDITIONS)
def test_ticks_survive_a_reload_and_are_cleared_and_copied(page: Page, address, edition):
    page.goto(f"{address}{edition}checklist/index.html")
    boxes = page.locator(".ticks input")
    assert boxes.count() == sum(len(part.points) for part in load().checklist)
    boxes.nth(0).check()
    boxes.nth(3).check()
    page.reload()
    assert [box.is_checked() for box in boxes.all()[:5]] == [True, False, False, True, False]
    expect(page.locator(".ticks-tools [role=status]")).to_have_text(f"2 / {boxes.count()}")
    page.locator("[data-do=export]").click()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.count("- [x] ") == 2
    assert text.count("- [ ] ") == boxes.count() - 2
    assert text.startswith("## ")
    page.locator("[data-do=reset]").click()
    page.reload()
    assert not any(box.is_checked() for box in boxes.all())


def test_bugs_keep_to_their_published_schema_and_lead_to_their_places():
    bugs = json.loads((SITE / "bugs.json").read_text(encoding="utf-8"))
    schema = json.loads((SITE / "bugs.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors(bugs))
    assert {bug["id"].split("/")[0] for bug in bugs} == set(symptoms())
    for bug in bugs:
        assert bug["check_finds"], bug["id"]
        for key in ("url", "url_zh"):
            name, _, anchor = bug[key].partition("#")
            assert html.parse(str(SITE / name)).getroot().get_element_by_id(anchor) is not None


def test_archive_holds_every_pair_and_its_description():
    with zipfile.ZipFile(SITE / "bugs.zip") as archive:
        names = set(archive.namelist())
    for bug in json.loads((SITE / "bugs.json").read_text(encoding="utf-8")):
        assert {bug["broken"], bug["fixed"]} <= names
    assert {"bugs.json", "bugs.schema.json"} <= names


def test_no_program_gives_its_fault_away():
    """A broken program and its cure say the same of themselves."""
    for pair in sorted((SITE / "bugs").glob("*/*")):
        broken, fixed = ((pair / f"{role}.py").read_text(encoding="utf-8") for role in ("broken", "fixed"))
        assert broken.split('"""')[1] == fixed.split('"""')[1], pair


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_cause_shows_what_its_check_found(edition):
    catalog = load()
    for symptom in symptoms():
        root = html.parse(str(SITE / f"{edition}checklist/{symptom}.html")).getroot()
        for cause in causes.of(catalog.by_id[symptom]):
            assert root.xpath(f"//div[@id='check-{cause.id}']//q"), (symptom, cause.id)
            assert root.xpath(f"//div[@id='bug-{cause.id}']"), (symptom, cause.id)


@pytest.mark.parametrize("edition", EDITIONS)
def test_counts_of_what_checks_say_of_other_bugs_are_those_of_the_pages(edition):
    """Each page's table has a row and a column for each of its checks; the sums stand over the table of all bugs."""
    catalog, spoke, alarms, checks = load(), 0, 0, 0
    for symptom in symptoms():
        page = html.parse(str(SITE / f"{edition}checklist/{symptom}.html"))
        rows = page.xpath("//table[contains(@class, 'crossed')]/tbody/tr")
        assert len(rows) == len(causes.of(catalog.by_id[symptom])), symptom
        for row in rows:
            cells = row.xpath("td[position() > 1 and position() < last()]")
            assert len(cells) == len(rows), symptom
            spoke += len(row.xpath("td/span[@title='speaks']"))
            numbers = sorted(int(n) for n in re.findall(r"\d+", row.xpath("string(td[last()])")))
            assert len(numbers) == 2
            alarms += numbers[0]
        checks += len(rows)
    said = html.parse(str(SITE / f"{edition}bugs.html")).xpath(f"string(//article/p[contains(., '{checks}')])")
    numbers = [int(n) for n in re.findall(r"\d+", said)]
    assert numbers[0] == checks
    assert (numbers[2], numbers[4]) == (spoke, alarms)
