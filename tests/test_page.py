"""The page in a real browser: drawn fast and quietly, linked, searchable, on paper and phones."""

import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests import pages
from tests.browser import Browser

CHINESE = {"language": "zh"}
PICKED = "views.get('{}').view.data('pick_store').map(t => t.values[0])"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return pages.page(tmp_path_factory.mktemp("page"), pages.evil_tables())


@pytest.fixture(scope="module")
def charts(page: Path) -> int:
    return page.read_text().count('<figure class="chart"')


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(started: Browser, page: Path) -> Browser:
    started.media("light")
    started.size(1280, 900)
    started.open(page)
    return started


def test_every_chart_is_drawn_without_complaint_or_request(browser, page, charts):
    assert charts > 10
    assert browser.run("document.querySelectorAll('.plot[data-drawn=true] svg').length") == charts
    assert browser.complaints() == [] and browser.requests() == [page.as_uri()]
    assert browser.run("document.querySelectorAll('.plot .error').length") == 0


def test_every_chart_is_drawn_in_chinese(started, tmp_path):
    chinese = pages.page(tmp_path, pages.evil_tables(), nodes=pages.PLAN["nodes"] | CHINESE)
    started.open(chinese)
    charts = chinese.read_text().count('<figure class="chart"')
    assert started.run("document.querySelectorAll('.plot[data-drawn=true] svg').length") == charts
    assert started.run("document.querySelectorAll('.plot .error').length") == 0


def test_the_first_chart_is_there_within_two_seconds(browser, page):
    times = []
    for _ in range(3):  # the fastest: the machines that run tests are shared
        browser.open(page)
        times.append(int(browser.run("document.documentElement.dataset.firstChart")))
    assert min(times) < 2000, times


def test_a_name_that_is_a_script_stays_a_name(browser):
    assert browser.run("document.title") == "kexue_pipe: default"
    assert browser.run("document.querySelectorAll('img[onerror]').length") == 0
    assert "onerror=alert(1)>" in browser.run("document.querySelector('#variants').textContent")


def test_the_page_never_scrolls_sideways_on_a_phone(browser, page):
    browser.size(390, 844)
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("[...document.querySelectorAll('.plot')].every(p => p.clientWidth > 250)")
    for width in (1280, 390):  # turned and turned back
        browser.size(width, 844)
        time.sleep(0.5)
        browser.wait("!busy && !queue.length")
    browser.run("document.querySelector('.findings li').textContent = 'quantizer.K=64,'.repeat(9)")
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_dark_and_light_redraw_the_charts_in_their_colours(browser, charts):
    fill = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(fill)
    browser.media("dark")
    browser.wait("document.querySelectorAll('.plot[data-dark] svg').length === " + str(charts))
    assert browser.run(fill) != light


def test_it_prints_whole_charts_on_paper(browser):
    assert browser.pdf()[:5] == b"%PDF-"
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.size(720, 900)
    time.sleep(0.5)
    browser.wait("!busy && !queue.length")
    right = "getBoundingClientRect().right"
    wide = f"[...document.querySelectorAll('.plot svg, td')].filter(s => s.{right} > 720)"
    assert browser.run(f"{wide}.length") == 0
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="")


def test_a_deep_link_opens_its_card_and_a_variant_is_emphasised_everywhere(browser, page):
    browser.open(page, "#card-position-rope")
    assert browser.run("document.getElementById('card-position-rope').open")
    assert (
        0
        <= browser.run("document.getElementById('card-position-rope').getBoundingClientRect().y")
        < 300
    )
    browser.open(page, "#variant=task%3Dtext%2Cposition%3Dalibi")
    own = "[...views].filter(([, e]) => e.field === 'label' && e.known.has('position=alibi'))"
    browser.wait(f"{own}.length > 3")
    stores = f"{own}.map(([name, e]) => e.view.data('pick_store').map(t => t.values[0]).join())"
    browser.wait(f"{stores}.every(text => text === 'position=alibi')")
    assert browser.run("document.querySelectorAll('tr.chosen').length") >= 2


def test_a_legend_chooses_for_all_charts_of_its_section(browser):
    names = browser.run(
        "JSON.stringify([...views].filter(([, e]) => e.field === 'label'"
        " && e.section === 'extrapolation' && e.known.has('position=alibi')).map(([n]) => n))"
    )
    first, *others = json.loads(names)
    assert others
    browser.run(
        f"[...document.querySelectorAll('#chart-{first} .role-legend-symbol path, "
        f"#chart-{first} .role-legend-label text')].find(e => e.textContent === 'position=alibi')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    for name in (first, *others):
        browser.wait(f"{PICKED.format(name)}.join() === 'position=alibi'")
    assert "variant=position%3Dalibi" in browser.run("location.hash")
    browser.run("document.querySelector('#chosen button').click()")
    browser.wait(f"{PICKED.format(first)}.length === 0")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("alibi", "card-position-alibi"),
        ("旋转位置编码", "card-position-rope"),
        ("9826", "post-9826"),
    ],
)
def test_search_finds_english_chinese_and_numbers(browser, query, place):
    browser.run(f"box.value = '{query}'; box.dispatchEvent(new Event('input'))")
    found = browser.run("[...document.querySelectorAll('#found a')].map(a => a.hash).slice(0, 4)")
    assert f"#{place}" in found
    assert browser.run("document.activeElement === document.body")
    browser.run("document.querySelector('#search').requestSubmit()")
    assert browser.run("found.hidden")


def test_the_rows_of_a_chart_are_those_of_its_table(browser, page):
    text = browser.run("csv(read('content-rate_distortion'))")
    frame = pl.read_csv(io.StringIO(text))
    html = page.read_text()
    content = json.loads(re.search(r'id="content-rate_distortion">(.*?)</script>', html, re.S)[1])
    assert frame.height == sum(content["data"][name]["n"] for name in content["rows"])
    assert {"label", "mean", "low", "high", "k"} <= set(frame.columns)


def test_charts_are_described_and_buttons_reached_by_keyboard(browser, charts):
    graphics = "[...document.querySelectorAll('.plot [role=graphics-document]')]"
    described = f"{graphics}.filter(s => s.getAttribute('aria-label')?.length > 40).length"
    assert browser.run(described) == charts
    controls = "[...document.querySelectorAll('button, summary, a, select, input')]"
    assert browser.run(f"{controls}.every(e => e.tabIndex >= 0)")


@pytest.mark.parametrize(
    ("kind", "start"), [("csv", "task,split,"), ("svg", "<svg"), ("png", "\x89PNG")], ids=str
)
def test_the_buttons_of_a_chart_save_it(browser, kind, start):
    browser.run(
        "window.saved = []; HTMLAnchorElement.prototype.click = async function () {"
        " const bytes = new Uint8Array(await (await fetch(this.href)).arrayBuffer());"
        " saved.push([this.download, String.fromCharCode(...bytes.slice(0, 4000))]); }"
    )
    browser.run(f"document.querySelector('#chart-rate_distortion [data-export={kind}]').click()")
    browser.wait("saved.length")
    (name, text) = browser.run("saved[0]")
    browser.run("delete HTMLAnchorElement.prototype.click")
    assert name == f"rate_distortion.{kind}" and text.startswith(start) and "<script" not in text
