"""Browsers of 2017, and pages that were damaged on their way: a map, or a sentence, never blank."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import Page, layers
from yuxi_gis.export.webmap import write_map
from yuxi_gis.export.webmap.split import write_town_maps

OWN = [
    asset
    for asset in (files("yuxi_gis.export.webmap") / "assets").iterdir()
    if asset.name.endswith(".js")
]
#: What came after ES2015, or after the browsers of 2017.
NEWER = {
    "optional chaining": r"\?\.(?!\d)",
    "nullish coalescing": r"\?\?",
    "async": r"\basync\b|\bawait\b",
    "object spread": r"\{\s*\.\.\.",
    "spread after a property": r"\{[^{}\[\]()]*,\s*\.\.\.\w+[^{}]*\}(?!\s*=>)",
    "power": r"(?<![*/\n ])\s\*\*\s",
    "replaceAll": r"\.replaceAll\(",
    "flat": r"\.flat(Map)?\(",
    "at": r"\.at\(-?\d",
    "fromEntries": r"\bfromEntries\b",
    "matchAll": r"\.matchAll\(",
    "globalThis": r"\bglobalThis\b",
    "allSettled": r"\.allSettled\(",
    "catch without a name": r"\bcatch\s*\{",
    "class field": r"^ {2}(static\s+)?[#\w]+\s*=[^=>]",
    "big integer": r"\b\d+n\b",
    "replaceChildren": r"\.replaceChildren\(",
    "named group": r"\(\?<",
}


@pytest.fixture
def old(page: Page) -> Iterator[Page]:
    """The browser without what newer ones have."""
    source = (
        "delete window.DecompressionStream; delete window.structuredClone;"
        "delete window.ResizeObserver; delete Array.prototype.flat; delete Array.prototype.at;"
        "delete Object.fromEntries; delete String.prototype.replaceAll; delete window.globalThis;"
        "delete Promise.allSettled; delete Element.prototype.replaceChildren;"
    )
    added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    yield page
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.parametrize("asset", OWN, ids=lambda asset: asset.name)
def test_scripts_are_es2015(asset: Path) -> None:
    code = re.sub(r"/\*.*?\*/|(?<=\s)//[^\n]*", "", asset.read_text(encoding="utf-8"), flags=re.S)
    found = {name: re.findall(pattern, code, re.M) for name, pattern in NEWER.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_the_patterns_see_what_is_newer() -> None:
    newer = {
        "optional chaining": "a?.b", "nullish coalescing": "a ?? b", "async": "async () => 1",
        "object spread": "({ ...a })", "spread after a property": "({ b: 1, ...a })",
        "power": "2 ** 3", "replaceAll": "a.replaceAll(b, c)", "flat": "a.flat()",
        "at": "a.at(-1)", "fromEntries": "Object.fromEntries(a)", "matchAll": "a.matchAll(b)",
        "globalThis": "globalThis.a", "allSettled": "Promise.allSettled(a)",
        "catch without a name": "try { a } catch { b }", "class field": "  size = 3;",
        "big integer": "10n", "replaceChildren": "a.replaceChildren()", "named group": "/(?<a>b)/",
    }  # fmt: skip
    assert newer.keys() == NEWER.keys()
    for name, code in newer.items():
        assert re.search(NEWER[name], code, re.M), name
    fine = "a ? .5 : b; f(...a); [1, ...a]; const [x, ...y] = z; a = b; c => { d }; /** e */"
    assert [name for name, pattern in NEWER.items() if re.search(pattern, fine)] == []


def test_an_old_browser_shows_the_same_map(page: Page, village: Path) -> None:
    page.open(village)
    new = page.picture()
    page.search("0000016", Keys.ENTER)
    popup = page.popup()
    assert "5304021032030000016" in popup
    old = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.DecompressionStream"}
    )
    page.open(village)
    assert page.js("return typeof DecompressionStream") == "undefined"
    same = (page.picture() == new).all(axis=2)
    assert same.mean() > 0.999
    page.search("0000016", Keys.ENTER)
    assert page.popup() == popup
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", old)
    assert page.logs("browser") == []


def test_every_tool_opens_in_an_old_browser(old: Page, village: Path) -> None:
    old.open(village)
    assert old.js("return typeof DecompressionStream + typeof [].flat") == "undefinedundefined"
    for tool in old.all(".yuxi-tool[aria-expanded]"):
        tool.click()
        old.settle()
    assert old.js("return yuxi.failed.length") == 0 and old.logs("browser") == []


# --- Damage -----------------------------------------------------------------------------------


def damaged(village: Path, change: Callable[[str], str]) -> Path:
    """The page with the data of the fields changed."""
    html = village.read_text(encoding="utf-8")
    blocks = re.findall(r'<script type="application/json" id="(\w+)_head">([^<]*)</script>', html)
    name = next(name for name, head in blocks if '"id":"farmland"' in head.replace(" ", ""))
    pattern = re.compile(f'(<script type="application/json" id="{name}_data">)([^<]*)(</script>)')
    out = village.with_name("damaged.html")
    new = pattern.sub(lambda m: m[1] + change(m[2]) + m[3], html)
    assert new != html
    out.write_text(new, encoding="utf-8")
    return out


def message(page: Page) -> str:
    found = page.all("#yuxi-failed")
    return found[0].text if found else ""


def load(page: Page, path: Path) -> Page:
    """Open a page that may not get far."""
    page.driver.get("about:blank")
    page.driver.get(path.as_uri())
    time.sleep(1)
    return page


DAMAGE: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[: len(text) // 2 // 4 * 4],
    "odd": lambda text: text[: len(text) // 2 // 4 * 4 + 1],
    "empty": lambda text: "",
    "no base64": lambda text: text[:40] + "*~*~" + text[44:],
    "other bytes": lambda text: (
        text[:200] + ("A" * 8 if text[200:208] != "A" * 8 else "B" * 8) + text[208:]
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("native", [True, False], ids=["native", "vendored"])
def test_damaged_data_are_said_and_other_layers_work(
    page: Page, village: Path, how: str, native: bool
) -> None:
    source = "" if native else "delete window.DecompressionStream"
    added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    load(page, damaged(village, DAMAGE[how]))
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    assert "数据已损坏" in message(page) and message(page).count("损坏") == 1
    state = "return yuxi.app.layers.map(l => l.id + ':' + (l.features !== null))"
    assert sorted(page.js(state)) == [
        "admin:true", "farmland:false", "findings:true", "homestead:true", "idle_land:true",
        "patches:true",
    ]  # fmt: skip
    page.js("yuxi.goTo(yuxi.app, yuxi.featureNamed(yuxi.app, 'ZDDM', '530402103203JC00002'))")
    assert "530402103203JC00002" in page.popup()
    page.js("yuxi.app.speak('en')")
    assert "damaged" in message(page) and "数据" not in message(page)
    page.all("#yuxi-failed button")[0].click()
    assert message(page) == ""


@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
def test_a_file_that_was_cut_off_says_so(page: Page, village: Path, share: float) -> None:
    html = village.read_text(encoding="utf-8")
    start = html.index('id="yuxi-bar"')
    cut = village.with_name("cut.html")
    cut.write_text(html[: start + int(share * (len(html) - start))], encoding="utf-8")
    load(page, cut)
    assert "不完整" in message(page) or "损坏" in message(page)


def test_an_english_page_says_it_in_english(page: Page, tmp_path: Path) -> None:
    path = write_map(tmp_path / "en.html", layers(), lang="en")
    html = path.read_text(encoding="utf-8")
    path.write_text(html[: html.rindex("<script>")], encoding="utf-8")
    assert "incomplete" in message(load(page, path))


@pytest.mark.parametrize("how", ["without", "unreadable"])
def test_a_browser_that_cannot_run_the_scripts_says_so(page: Page, village: Path, how: str) -> None:
    html = village.read_text(encoding="utf-8")
    script = re.search(r"<script>.*?</script>", html, re.S)
    assert script is not None
    new = "" if how == "without" else "<script>let a = ;</script>"
    out = village.with_name("old.html")
    out.write_text(html.replace(script[0], new, 1), encoding="utf-8")
    load(page, out)
    shown = page.all("#yuxi-old")[0]
    assert shown.is_displayed() and "2017" in shown.text and "JavaScript" in shown.text
    page.open(village)
    assert not page.all("#yuxi-old")[0].is_displayed() and message(page) == ""


def test_an_index_page_is_whole_and_a_page_that_is_cut_off_says_so(
    page: Page, tmp_path: Path
) -> None:
    maps = write_town_maps(tmp_path / "towns", layers())
    page.driver.get(maps.index.as_uri())
    assert page.driver.find_elements(By.ID, "yuxi-failed") == []
    text = write_map(tmp_path / "map.html", layers()).read_text(encoding="utf-8")
    cut = tmp_path / "cut.html"
    cut.write_text(text[: text.rindex("<script")], encoding="utf-8")
    page.driver.get(cut.as_uri())
    assert "不完整" in page.driver.find_element(By.ID, "yuxi-failed").text
