"""One page with hostile text in every field, and every tool used on it."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import CRS
from selenium.common.exceptions import NoAlertPresentException

from tests.clients.mapping import (
    EAST,
    NORTH,
    Page,
    box,
    browser,
    codes,
    findings,
    layers,
    patches,
    write_scene,
)
from tests.export.webmap.cutouts import picture, tile_at, write_mbtiles
from tests.export.webmap.unpacked import layers_of
from yuxi_gis.catalog import load_catalog
from yuxi_gis.export.webmap import write_map
from yuxi_gis.export.webmap.split import write_town_maps

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PWN = "window.pwned=1,alert(1)"
TRICKS = (
    f"</script></textarea></title></style><script>{PWN}</script><!--<script>-->]]>"
    f"<img src=x onerror={PWN}><svg onload={PWN}><details open ontoggle={PWN}>"
    f"\"'><iframe src='javascript:{PWN}'></iframe><a href='javascript:{PWN}'>x</a>"
    f"<object data='data:text/html,<script>{PWN}</script>'></object>"
    "<style>@import url(http://a.invalid/);*{display:none}</style><base href=//a.invalid>"
    "<meta http-equiv=refresh content='0;url=//a.invalid'><link rel=stylesheet href=//a.invalid>"
    f"'-({PWN})-'`${{{PWN}}}`{{{{ 7*7 }}}}{{% for x in [1] %}}a{{% endfor %}}{{# b #}}"
    "\\u003cscript\\u003e&lt;b&gt;&amp;&#60;%3Cscript%3E$&$1$`{n}{what}{share}"
    f"\u2028{PWN}//\u2029\u202e倒着写\u202c\u200b\ufeff.*+?^$()[]|"
)
#: Names that objects of JavaScript have by themselves.
OWN = ("__proto__", "constructor", "toString", "hasOwnProperty")


def evil(tag: str) -> str:
    """Hostile text that tells which field it is from."""
    return f"{tag}·{TRICKS}·{tag}"


def odd_crs() -> CRS:
    """EPSG:4543 under a name that somebody made up."""
    name = f"</script><script>{PWN}</script><img src=x onerror={PWN}>"
    wkt = CRS(4543).to_wkt("WKT1_GDAL")
    return CRS.from_wkt(re.sub(r'(?<=PROJCS\[)"[^"]*"', f'"{name}"', wkt, count=1))


def land() -> dict[str, pd.DataFrame]:
    """The village with hostile text in every column; a layer for each name of `OWN`."""
    frames: dict[str, pd.DataFrame] = dict(layers())
    farmland = frames["farmland"].rename(columns={"ZJRXM": "BZXX"})
    names = [*(evil(f"name{i}") for i in range(3)), *OWN]
    farmland["DKMC"] = [names[i % len(names)] for i in range(30)]
    farmland["DKLB"] = evil("kind")
    farmland["SCMJ"] = evil("number")
    source = evil("source").replace("/", "_")[:60]
    farmland.attrs.update(source=f"/no/{source}.shp", table=evil("table"))
    frames["farmland"] = farmland
    frames["contract_parcel"] = pd.DataFrame(
        {"DKBM": farmland["DKBM"], "CBFBM": evil("household"), "CBFMC": evil("x")}
    )
    frames["contractor"] = pd.DataFrame({"CBFBM": [evil("household")], "CBFMC": ["李小明<b>"]})
    frames["homestead"]["ZDDM"] = [evil(f"home{i}") for i in range(5)]
    frames["homestead"]["LYZT"] = evil("state")
    frames["admin"]["XZQDM"] = "530402<img src=x onerror=alert(1)>"
    frames[evil("layer")] = gpd.GeoDataFrame(
        {evil("column"): [evil("value")], "v": ["{{7*7}}"], "n": [np.inf]},
        geometry=[box(8, 0)],
        crs=4543,
    )
    for k, name in enumerate(OWN):
        columns = {key: [name] for key in OWN}
        frames[name] = gpd.GeoDataFrame(columns, geometry=[box(8, k + 1)], crs=odd_crs())
    # Named as another layer is titled.
    frames["农村承包地"] = gpd.GeoDataFrame({"a": ["同名"]}, geometry=[box(8, 5)], crs=4543)
    return frames


def results() -> dict[str, gpd.GeoDataFrame]:
    """Patches, changed parcels and findings with hostile text in all that is text."""
    one, two = patches(), patches().set_geometry([box(3, 3, 30)])
    both = pd.concat([one, two], ignore_index=True).assign(
        JCBH=[evil("number1"), "__proto__"],
        kind=[evil("change"), "__proto__"],
        TBLX=evil("type"),
        XZQDM=evil("region"),
        QSX=evil("before"),
        HSX=evil("after"),
        confidence=[0.9, np.inf],
    )
    fields = {"layer": ["farmland"], "feature": codes("53040210320300", 1), "kind": [evil("told")]}
    numbers = {"changed_m2": [900.0], "changed_share": [0.25], "confidence": [0.9]}
    changed = gpd.GeoDataFrame(fields | numbers, geometry=[box(0, 0)], crs=4543)
    said = findings().assign(
        message_zh=evil("zh"), message_en=evil("en"), severity=evil("severity"), rule=evil("rule"),
        layer=evil("of"), feature=evil("feature"), other_layer="__proto__",
        other_feature=evil("other"), value=evil("worth"), limit=evil("limit"), unit=evil("unit"),
    )  # fmt: skip
    return {"patches": both, "changed_parcels": changed, "findings": said}


def write_page(folder: Path) -> Path:
    """A page of all that, with scenes and a basemap whose names are hostile, too."""
    name = f"<img src=x onerror={PWN}>"
    lon, lat = 102.533, 24.306
    tiles = {tile_at(z, lon, lat): picture(tile_at(z, lon, lat)) for z in (8, 9)}
    cut = folder / f"{name}.mbtiles"
    write_mbtiles(
        cut, tiles, attribution="credit &lt;img src=x onerror=alert(1)&gt;<b>", name=evil("tiles")
    )
    catalog = dict(load_catalog())
    spec = catalog["homestead"]
    fields = tuple(replace(field, title_zh=evil("field")) for field in spec.fields)
    catalog["homestead"] = replace(spec, title_zh=evil("title"), fields=fields)
    return write_map(
        folder / "hostile.html",
        land(),
        **results(),
        before=write_scene(folder / f"{name}1.tif", None),
        after=write_scene(folder / f"{name}2.tif", box(1, 1, 30)),
        title=evil("heading"),
        catalog=catalog,
        basemaps=[str(cut)],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    return write_page(folder)


@pytest.fixture(scope="module")
def page(chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(chromium, tmp_path_factory.mktemp("profile")) as page:
        stub = {"source": "window.print = () => 0;"}
        page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", stub)
        yield page


# --- What must never be -----------------------------------------------------------------------

#: Elements that no text may have become, with what the page itself makes taken out.
MADE = """
  const made = [], keep = /^(data:image\\/|blob:)/;
  const never = "iframe, object, embed, base, link, svg:not([pointer-events]), script[src], " +
    "body style, body title";
  document.querySelectorAll(never).forEach((node) => made.push(node.outerHTML.slice(0, 200)));
  for (const node of document.querySelectorAll("*")) {
    for (const a of node.attributes) {
      const leads = ["src", "href", "action", "data", "srcdoc"].indexOf(a.name) >= 0;
      if (/^on/i.test(a.name)) made.push(a.name);
      if (leads && !keep.test(a.value) && a.value[0] !== "#") made.push(a.name + "=" + a.value);
    }
  }
  return made;
"""


#: The fields that must be read somewhere on the page as they are.
SHOWN = (
    "heading", "layer", "column", "value", "name0", "kind", "number", "table", "household", "home0",
    "state", "title", "field", "number1", "change", "told", "zh", "en", "severity", "rule", "of",
    "feature", "other", "worth", "limit", "unit", "type", "before", "after", "region", "typed",
)  # fmt: skip


def check(page: Page) -> None:
    """Nothing has run, nothing was made of texts, nothing was asked for, nothing was complained."""
    with pytest.raises(NoAlertPresentException):
        _ = page.driver.switch_to.alert
    assert page.js("return window.pwned") is None
    assert page.js(MADE) == []
    count = "return ['script:not([type])', 'style'].map((n) => document.querySelectorAll(n).length)"
    assert page.js(count) == [3, 6], "the page's own, and folium's"
    assert page.js("return [yuxi.failed.map(String), {}.list, ({}).word]") == [[], None, None]
    assert [entry["message"] for entry in page.logs("browser")] == []


def text(page: Page) -> str:
    """All that the page says, in elements and in their fields."""
    return str(
        page.js(
            "const own = (n) => n.nodeType === 3 ? n.data : n.nodeName === 'SCRIPT' ? '' :"
            " Array.from(n.childNodes, own).join(' ') + (n.value || '') + (n.title || '');"
            "return own(document.body);"
        )
    )


def saved(page: Page) -> list[tuple[str, str]]:
    """Names and texts of the files that the page wanted to save."""
    found: list[tuple[str, str]] = page.driver.execute_async_script(
        "var done = arguments[0], all = window.saved.map(([name, blob]) =>"
        " blob.text().then((text) => [name, text])); Promise.all(all).then(done);"
    )
    assert len(found) == page.js("return yuxi.app.layers.length")
    return found


def press(page: Page, key: str) -> None:
    """Use the tool or button that says the text of this key."""
    page.js(f"document.querySelector('button[data-say=\"{key}\"]').click()")
    page.settle()


def test_the_tricks_would_do_something(page: Page, folder: Path) -> None:
    naive = folder / "naive.html"
    frame = f'<meta charset="utf-8"><body><script>/* engine */</script><p>{evil("a")}</p>'
    stays = re.sub("<meta http-equiv[^>]*>", "", frame.replace(",alert(1)", ""))
    naive.write_text(stays, encoding="utf-8")
    page.driver.get(naive.as_uri())
    time.sleep(0.3)
    assert page.driver.execute_script("return window.pwned") == 1
    assert len(page.driver.execute_script(MADE)) > 4


def test_every_tool_shows_hostile_text_as_text(page: Page, path: Path) -> None:
    page.open(path)
    page.js("document.querySelector('#yuxi-about').open = true")
    heard = [page.driver.title, text(page)]

    def listen() -> None:
        check(page)
        heard.append(text(page))

    listen()
    for place in ((1, 1), (0, 0), (3, 3), (4, 4), (7, 0), (7, 4), (8, 0), (8, 1), (8, 2), (8, 5)):
        x, y = EAST + 70 * place[0] + 20, NORTH + 70 * place[1] + 20
        if place == (4, 4):
            x, y = box(4, 4).centroid.coords[0]
        page.click(x, y)
        page.js("document.querySelectorAll('.yuxi-popup details').forEach((d) => (d.open = true))")
        time.sleep(0.1)
        listen()
    for wanted in (evil("name1"), ".*", "\\", "[", "$&", "__proto__", "<img", "\u202e倒", "%3C"):
        page.js(
            "const input = document.querySelector('#yuxi-search input'); input.focus();"
            "input.value = arguments[0]; yuxi.app.searchBox.refresh(true);", wanted,
        )  # fmt: skip
        listen()
        assert page.all("#yuxi-results [role=option]"), wanted
    page.js("window.saved = []; yuxi.save = (name, blob) => window.saved.push([name, blob]);")
    press(page, "summary")
    count = page.js("return yuxi.app.layers.length")
    assert count == 13, "no layer is lost, whatever it is called"
    for k in range(count):
        page.js("yuxi.app.summary.chosen = yuxi.app.layers[arguments[0]];", k)
        page.js("yuxi.app.summary._part(true); yuxi.app.summary._sum()")
        time.sleep(0.15)
        listen()
        press(page, "csv")
        time.sleep(0.1)
    for name, table in saved(page):
        assert not re.search(r'[\\/:*?"<>|\x00-\x1f\u202a-\u202e]', name)
        heard += [cell for row in csv.reader(io.StringIO(table.lstrip("\ufeff"))) for cell in row]
    for _ in range(2):
        page.js(
            "const layer = yuxi.app.layers.find((each) => each.id === 'findings');"
            "yuxi.goTo(yuxi.app, { layer: layer, i: 0 });"
        )
        listen()
        press(page, "changes")
        press(page, "changes_next")
        listen()
        press(page, "changes_first")
        listen()
        page.js("document.querySelector('button.yuxi-change-parcel').click()")
        page.settle()
        listen()
        press(page, "language")
    for key in ("swipe", "measure", "link"):
        press(page, key)
        listen()
    press(page, "print")
    page.js("document.querySelector('.yuxi-print input').value = arguments[0]", evil("typed"))
    page.js("document.querySelector('.yuxi-print button').click()")
    time.sleep(0.5)
    listen()
    page.js("window.dispatchEvent(new Event('afterprint'))")
    assert page.requests() == []
    said = "\n".join(heard)
    assert [tag for tag in SHOWN if evil(tag) not in said] == []
    assert all(f"<img src=x onerror={PWN}>{k}.tif" in said for k in (1, 2))
    assert "credit <img src=x onerror=alert(1)>" in said
    assert "李**" in said and "李小明" not in said


HASHES = (
    "#map=16/24.3/102.5&__proto__=x&constructor=%3Cimg src=x onerror=alert(1)%3E",
    "#<img src=x onerror=alert(1)>=<script>alert(1)</script>",
    "#map=1e9/NaN/Infinity&layers=__proto__,%E0%A4%A,constructor&lang=__proto__",
    "#%=%&&==&%E0%A4%A=%E0%A4%A&lang=javascript:alert(1)",
    "#toString=toString&DKBM=.*",
)


@pytest.mark.parametrize("hash_", HASHES)
def test_hostile_address_does_nothing(page: Page, path: Path, hash_: str) -> None:
    page.open(path)
    page.js("location.hash = arguments[0]", hash_)
    page.settle()
    time.sleep(0.4)
    check(page)
    page.driver.get("about:blank")
    page.driver.get(path.as_uri() + hash_)
    page.settle()
    check(page)
    assert page.requests() == []


INJECTED = (
    "<img src=x onerror='window.pwned=1'>",
    "<svg onload='window.pwned=1'></svg>",
    "<details open ontoggle='window.pwned=1'></details>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<object data='data:text/html,x'></object>",
    "<a href='javascript:window.pwned=1' id=injected>x</a>",
    "<form action='javascript:window.pwned=1'><button id=injected>x</button></form>",
    "<style>#yuxi-bar { display: none }</style>",
    "<p style='position: fixed' id=styled></p>",
    "<link rel=stylesheet href=http://a.invalid/x.css><img src=http://a.invalid/x.png>",
    "<base href=http://a.invalid/>",
)


@pytest.mark.parametrize("html", INJECTED)
def test_policy_stops_what_would_get_into_the_page(page: Page, path: Path, html: str) -> None:
    page.open(path)
    page.js(
        "document.body.insertAdjacentHTML('beforeend', arguments[0]);"
        "const node = document.getElementById('injected'); if (node) node.click();", html,
    )  # fmt: skip
    time.sleep(0.3)
    assert page.js("return window.pwned") is None
    assert page.js("return document.querySelector('#yuxi-bar').offsetHeight") > 0
    said = [entry["message"] for entry in page.logs("browser")]
    assert said and all("Content Security Policy" in message for message in said)
    # What was asked for was refused before it left.
    log = [json.loads(entry["message"])["message"] for entry in page.logs("performance")]
    of: dict[str, set[str]] = {"Network.requestWillBeSent": set(), "Network.loadingFailed": set()}
    for message in log:
        facts = message["params"]
        outside = facts.get("request", {}).get("url", "").startswith("http")
        if outside or facts.get("blockedReason") == "csp":
            of[message["method"]].add(facts["requestId"])
    assert of["Network.requestWillBeSent"] <= of["Network.loadingFailed"]


def test_very_long_texts_are_shown_and_found(page: Page, tmp_path: Path) -> None:
    long = ["<b>" * 350_000 + str(k) for k in range(2)]
    frame = gpd.GeoDataFrame({"a": long}, geometry=[box(0, 0), box(1, 0)], crs=4543)
    page.open(write_map(tmp_path / "long.html", {"x" * 5000: frame}, title="t" * 5000))
    page.click(*box(1, 0).centroid.coords[0])
    assert page.js("return document.querySelector('.yuxi-popup').textContent.length") > 1_000_000
    time.sleep(0.4)
    assert page.js("return location.href.length") < 10_000
    page.search("<b>1")
    assert len(page.all("#yuxi-results [role=option]")) == 1
    check_script = "return document.documentElement.scrollWidth <= window.innerWidth"
    assert page.js(check_script), "nothing is pushed out of the window"
    assert page.logs("browser") == [] and page.js("return window.pwned") is None


def test_index_of_towns_shows_hostile_text_as_text(page: Page, tmp_path: Path) -> None:
    frames = land()
    frames["farmland"]["XZQDM"] = "../../../x"
    del frames["农村承包地"]
    made = write_town_maps(tmp_path / "towns", frames, **results(), title=evil("heading"))
    assert {p.parent for p in tmp_path.rglob("*.html")} == {tmp_path / "towns"}
    page.driver.get(made.index.as_uri())
    page.settle()
    time.sleep(0.5)
    said = text(page)
    assert evil("heading") in said and evil("layer") in said and "__proto__" in said
    assert page.js("return window.pwned") is None
    links = page.js("return [...document.links].map((a) => a.getAttribute('href'))")
    assert all(re.fullmatch(r"(\d{9}|rest)\.html", link) for link in links if link[0] != "#")
    assert page.all("body iframe, body object, body img, body style, base") == []
    assert [entry["message"] for entry in page.logs("browser")] == []
    assert page.requests() == []


def test_missing_and_endless_values_make_a_page(tmp_path: Path) -> None:
    odd = patches().assign(confidence=[-np.inf], kind=[None], MJ=[np.inf])
    silent = findings().assign(message_zh=[None], message_en=[np.nan], area_m2=[np.inf])
    frames = layers()
    frames["farmland"].attrs["source"] = "a" * 5000 + "\0"
    path = write_map(tmp_path / "odd.html", frames, patches=odd, findings=silent)
    found = layers_of(path.read_text(encoding="utf-8"))
    assert found["patches"].count == found["findings"].count == 1
    assert "信息" not in found["findings"].rows[0]


def test_printing_ends_where_the_browser_does_not_say_so(page: Page, tmp_path: Path) -> None:
    page.open(write_map(tmp_path / "print.html", layers()))
    page.js("window.print = () => (window.printed = 1); delete window.onafterprint;")
    press(page, "print")
    page.js("document.querySelector('.yuxi-print button').click()")
    time.sleep(1)
    assert page.js("return window.printed") == 1
    assert page.all("#yuxi-sheet") == [] and page.all("#yuxi-bar")[0].is_displayed()
