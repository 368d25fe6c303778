"""Links to a view and a parcel, and the language, in a real browser."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.clients.mapping import Page, box

KEY = "5304021032030000016"


def open_at(page: Page, village: Path, hash_: str) -> Page:
    """The page at an address, from elsewhere: another hash alone would not load it anew."""
    page.driver.get("about:blank")
    page.driver.get(village.as_uri() + hash_)
    return settle(page)


def go(page: Page, part: str) -> None:
    """Change the address by hand."""
    page.driver.execute_script("location.hash = arguments[0]", "#" + part)
    settle(page)


def settle(page: Page) -> Page:
    page.settle()
    time.sleep(0.5)  # the address is written a little after the view has changed
    page.settle()
    return page


def hash_of(page: Page) -> str:
    return str(page.driver.execute_script("return location.hash"))


def note(page: Page) -> str:
    found = page.all("#yuxi-note")
    return found[0].text if found else ""


def view(page: Page) -> list[float]:
    code = "const c = map.getCenter(); return [map.getZoom(), c.lat, c.lng]"
    return [round(value, 6) for value in page.js(code)]


def test_address_leads_back_to_the_same_view_and_parcel(page: Page, village: Path) -> None:
    page.open(village)
    page.click(*box(2, 2).centroid.coords[0])
    settle(page)
    there, seen, popup = hash_of(page), view(page), page.popup()
    code = popup.split()[1]
    assert there.startswith("#map=") and there.endswith(f"&DKBM={code}")
    open_at(page, village, there)
    assert view(page) == seen and page.popup() == popup
    assert hash_of(page) == there
    page.js("map.closePopup(); map.setZoom(16, {animate: false})")
    settle(page)
    assert hash_of(page).startswith("#map=16/") and "DKBM" not in hash_of(page)


@pytest.mark.parametrize("part", [f"DKBM={KEY}", f"dkbm={KEY}", f"x&DKBM={KEY}&utm"])
def test_a_key_alone_leads_to_its_parcel(page: Page, village: Path, part: str) -> None:
    open_at(page, village, "#" + part)
    assert KEY in page.popup() and note(page) == ""
    x, y = page.pixel(*box(3, 2).centroid.coords[0])
    assert 0 < x < 1366 and 50 < y < 768 and page.js("return map.getZoom()") >= 17


def test_a_key_leads_into_a_layer_that_is_off(page: Page, village: Path) -> None:
    open_at(page, village, "#ZDDM=530402103203jc00002&layers=admin")
    assert "530402103203JC00002" in page.popup()
    shown = page.js("return yuxi.app.shown().map(l => l.id)")
    assert shown == ["admin", "homestead"]
    assert "layers=admin,homestead" in hash_of(page)


def test_a_changed_address_is_followed(page: Page, village: Path) -> None:
    page.open(village)
    go(page, "map=19/24.3135/102.5350&lang=en&layers=")
    assert view(page) == [19, 24.3135, 102.535]
    assert page.js("return yuxi.app.shown().length") == 0
    assert "Copy link" in page.all("#yuxi-bar")[0].text
    go(page, f"DKBM={KEY}")
    assert KEY in page.popup() and "Parcel code" in page.popup()
    assert "&lang=en" in hash_of(page)


IMAGE = quote("<img src=x onerror=alert(1)>")
UNKNOWN = (
    "DKBM=0000", "nosuch=1", "DKBM=%E4%B8", f"DKBM={IMAGE}", f"{IMAGE}=1", "__proto__=1",
    "constructor=x", "DKBM=$%26",
)  # fmt: skip
SENSELESS = (
    "", "top", "map=1/2", "map=99/24/102", "map=x/y/z", "map=17/NaN/1e3", "lang=fr", "=", "&&=&",
    "lang=__proto__", "DKBM=", "map=17/24.3%3Cb%3E/102",
)  # fmt: skip


def test_unknown_and_hostile_keys_are_said_as_text(page: Page, village: Path) -> None:
    open_at(page, village, f"#DKBM={IMAGE}")
    assert note(page) == "没有找到 <img src=x onerror=alert(1)>"
    for part in UNKNOWN:
        page.all("#yuxi-note")[0].click()
        assert note(page) == ""
        go(page, part)
        assert note(page) == f"没有找到 {unquote_strictly(part.split('=')[1])}"
    assert page.all("body img[src=x]") == [] and page.logs("browser") == []
    assert page.js("return yuxi.failed.length") == 0


def unquote_strictly(text: str) -> str:
    """Percent signs decoded; the text as it stands where they are no UTF-8."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def test_senseless_addresses_are_passed_over(page: Page, village: Path) -> None:
    page.open(village)
    before = view(page)
    for part in SENSELESS:
        go(page, part)
        assert view(page) == before and note(page) == "", part
    go(page, "layers=nosuch,%")
    assert page.js("return yuxi.app.shown().length") == 0
    assert page.js("return [yuxi.lang, yuxi.failed.length]") == ["zh", 0]
    assert page.logs("browser") == []


def test_the_address_is_written_where_history_is_refused(page: Page, village: Path) -> None:
    page.open(village)
    page.js("history.replaceState = function () { throw new DOMException('no') }")
    page.js("map.setView([24.3135, 102.535], 18, {animate: false})")
    settle(page)
    assert hash_of(page) == "#map=18/24.313500/102.535000"
    assert view(page) == [18, 24.3135, 102.535]
    assert page.js("return yuxi.failed.length") == 0


def test_copied_link_is_the_address(page: Page, village: Path) -> None:
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    open_at(page, village, f"#DKBM={KEY}")
    tool = next(tool for tool in page.all(".yuxi-tool") if tool.text == "复制链接")
    tool.click()
    settle(page)
    link = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert link == page.driver.current_url and link.endswith(f"DKBM={KEY}")
    assert "已复制" in note(page)
    page.js("yuxi.copy = () => Promise.reject(new Error('refused'))")
    tool.click()
    settle(page)
    assert "请复制" in note(page)
    assert page.all("#yuxi-note input")[0].get_attribute("value") == link


# --- Language ---------------------------------------------------------------------------------


def test_every_text_follows_the_language(page: Page, village: Path) -> None:
    page.open(village)
    chinese = fixed(page)
    tool = next(tool for tool in page.all(".yuxi-tool") if tool.text == "English")
    assert tool.get_attribute("lang") == "en"
    for other in page.all(".yuxi-tool[aria-expanded]"):
        other.click()  # each panel is made when it first opens
    tool.click()
    page.driver.execute_script("document.getElementById('yuxi-about').open = true")
    page.click(*box(1, 1, 30).centroid.coords[0])
    page.search("0000016")
    assert tool.text == "中文" and tool.get_attribute("lang") == "zh-CN"
    assert page.driver.execute_script("return document.documentElement.lang") == "en"
    left = page.driver.execute_script(LEFT)
    assert [text for text in left if text != "中文" and not data(text)] == []
    tool.click()
    page.driver.execute_script("document.getElementById('yuxi-about').open = false")
    page.js("map.closePopup()")
    assert page.driver.title == "玉溪市农村土地一张图"
    assert page.driver.execute_script("return document.documentElement.lang") == "zh-CN"
    assert fixed(page) == chinese


def fixed(page: Page) -> list[str]:
    """The texts of the title bar and the legend."""
    return [node.text for node in page.all("#yuxi-bar, .yuxi-legend")]


#: Texts and attributes with Chinese in what is shown, and the document's title.
LEFT = """
const has = (text) => /[\\u4e00-\\u9fff]/.test(text || ""), left = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode, parent = node.parentElement;
  if (parent.closest("script, style, #yuxi-old, .yuxi-spoken")) continue;
  if (has(node.data)) left.push(node.data);
}
for (const node of document.body.querySelectorAll("*")) {
  for (const name of ["title", "placeholder", "aria-label", "alt"]) {
    if (has(node.getAttribute(name))) left.push(name + ": " + node.getAttribute(name));
  }
}
if (has(document.title)) left.push(document.title);
return left;
"""


def data(text: str) -> bool:
    """Whether a text is of the data, which have one language."""
    return text in {"大田", "李**", "王*"} or "边界自相交" in text
