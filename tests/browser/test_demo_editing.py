"""The sample site's product that two people want to change, and its article that they read together."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.axe import assert_accessible
from support.servers import ServerProcess

KETTLE, YEAR = "/products/kettle", "/articles/year"
PAGES = ["/", "/products", KETTLE, "/articles/tea", YEAR, "/articles/company"]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 760}}


@pytest.fixture(scope="module")
def demo():
    env = {"ALSOHERE_DRAIN_S": "0.1", "ALSOHERE_LOCK_GRACE_S": "1"}
    with ServerProcess("-m", "alsohere", "demo", "--no-open", "--port", "{port}", env=env) as server:
        yield server


def button(page, name: str):
    return page.locator("also-editing .notice").get_by_role("button", name=name, exact=True)


def notice(page):
    return page.locator("also-editing .notice .text")


def test_two_people_change_one_price_one_after_the_other(demo, person):
    ann, bob = person().open(demo.url + KETTLE), person().open(demo.url + KETTLE)
    button(ann, "Edit").click()
    expect(notice(bob)).to_contain_text("is editing this.")
    ann.get_by_label("Price").fill("66")
    ann.get_by_role("button", name="Save").click()
    for page in (ann, bob):
        expect(page.locator("[data-shows=price]")).to_have_text("€66")
        expect(page.locator("#saves li")).to_have_count(1)
    expect(bob.get_by_label("Price")).to_have_value("66")
    button(bob, "Ask to edit").click()
    ann.get_by_role("alertdialog").get_by_role("button", name="Hand over now").click()
    expect(notice(bob)).to_have_text("You are editing this.")
    bob.get_by_label("Price").fill("68")
    bob.get_by_role("button", name="Save").click()
    expect(ann.locator("[data-shows=price]")).to_have_text("€68")
    fences = [int(code.inner_text().removeprefix("fence ")) for code in ann.locator("#saves code").all()]
    assert fences == sorted(set(fences), reverse=True)
    button(bob, "Done").click()
    expect(notice(ann)).to_have_text("It was handed over to " + name_of(bob) + ".")
    button(ann, "Edit").click()
    expect(notice(ann)).to_have_text("You are editing this.")


def name_of(page) -> str:
    return page.locator("also-here .face[data-self]").first.get_attribute("aria-label").removesuffix(" (you)")


def test_a_second_tab_of_one_s_own_takes_it_over(demo, person):
    ann = person()
    first, second = ann.open(demo.url + KETTLE), ann.open(demo.url + KETTLE)
    button(first, "Edit").click()
    button(second, "Edit here instead").click()
    expect(notice(second)).to_have_text("You are editing this.")
    expect(notice(first)).to_have_text("You went on editing in another tab.")
    expect(first.get_by_label("Price")).to_be_disabled()


def test_a_long_article_shows_how_far_everybody_is_and_the_start_page_that_they_read_it(demo, person):
    ann, bob, start = (person().open(demo.url + path) for path in (YEAR, YEAR, "/"))
    ann.mouse.wheel(0, 900)
    others = bob.locator("also-progress .readers li:not(.own) .face")
    expect(others).not_to_have_attribute("aria-label", f"{name_of(ann)}, 0 %")
    expect(others).to_have_count(1)
    expect(start.locator("also-ranking li").first).to_have_text("A year in one pot2")
    start.locator("also-ranking li a").first.click()
    expect(start.get_by_role("heading", level=1)).to_have_text("A year in one pot")
    expect(others).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_checker_finds_nothing_on_any_page(demo, person, pictures, size, scheme):
    page = person(viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce").open(demo.url)
    for path in PAGES:
        page.goto(demo.url + path)
        expect(page.locator("also-here .face[data-self]").first).to_be_visible()
        expect(page.locator("also-online .label")).to_have_text("1 online")
        page.screenshot(
            path=pictures / f"demo{path.replace('/', '-')}-{size}-{scheme}.png", animations="disabled", full_page=True
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert_accessible(page)
