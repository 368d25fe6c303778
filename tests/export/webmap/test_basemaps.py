"""Which basemap a word asks for, and that no key leaves the page."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path

import pytest

from tests.export.webmap.cutouts import picture, tile_at, write_mbtiles
from yuxi_gis.errors import OutputError, ParameterError, SourceError
from yuxi_gis.export.webmap.basemaps import (
    KEY_VARIABLE,
    Basemap,
    BasemapLayer,
    Hidden,
    basemap,
)
from yuxi_gis.export.webmap.page import OfflineMap, OfflinePage, check_offline

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

BOUNDS = ((24.34, 102.52), (24.37, 102.56))
KEY = "0123456789abcdef0123456789ABCDEF"


def ask(word: str) -> Basemap:
    return basemap(word, bounds=BOUNDS)


def refused(word: str) -> ParameterError:
    with pytest.raises(ParameterError) as told:
        ask(word)
    return told.value


def page(*basemaps: Basemap) -> str:
    sheet, canvas = OfflinePage("底图", "zh-CN"), OfflineMap(tiles=None)
    sheet.add_child(canvas)
    for i, each in enumerate(basemaps):
        BasemapLayer(each, show=i == 0).add_to(canvas)
    return sheet.render()


def sources(html: str) -> list[str]:
    """What the page's policy lets pictures be loaded from."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert found
    rules = {r.split()[0]: r.split()[1:] for r in unescape(found[1]).split("; ")}
    assert rules["default-src"] == ["'none'"] and "connect-src" not in rules
    return rules["img-src"]


# Tianditu ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "layers"), [("tianditu", ["img", "cia"]), ("Tianditu-Vec", ["vec", "cva"])]
)
def test_tianditu_is_pictures_and_labels_with_the_users_key(
    monkeypatch: pytest.MonkeyPatch, word: str, layers: list[str]
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    found = ask(word)
    for address, layer in zip(found.url.reveal(), layers, strict=True):
        assert address.startswith(f"https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?")
        assert f"LAYER={layer}&" in address and "TILEMATRIXSET=w&" in address
        assert address.endswith(f"&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={KEY}")
    assert found.hosts == tuple(f"https://t{i}.tianditu.gov.cn" for i in range(8))
    assert not found.gcj02 and (found.min_zoom, found.max_native_zoom) == (1, 18)
    assert found.notice and "密钥" in found.notice[0] and "请勿转发" in found.notice[0]
    assert "do not pass it on" in found.notice[1]


@pytest.mark.parametrize("key", [None, "", KEY[:31], KEY + "0", KEY[:31] + "g", KEY + " " + KEY])
def test_missing_or_malformed_key_is_told_but_never_repeated(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key is None:
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(KEY_VARIABLE, key)
    error = refused("tianditu")
    for text in (error.zh, error.en):
        assert KEY_VARIABLE in text and "console.tianditu.gov.cn" in text and "set " in text
        assert KEY[:8] not in text
    assert ("没有设置" in error.zh) == (not key)


def test_key_is_in_the_data_block_of_the_page_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    found = ask("tianditu")
    own = ask(f"https://t0.tianditu.gov.cn/DataServer?T=img_w&x={{x}}&y={{y}}&l={{z}}&tk={KEY}")
    for each in (found, own):
        said = [repr(each), str(each), f"{each.url}", str(asdict(each))]
        said += [repr(BasemapLayer(each)), json.dumps(asdict(each), default=str)]
        said += list(map(str, replace(each, title=("甲", "A")).__dict__.values()))
        assert not any(KEY in text for text in said)
        with pytest.raises(TypeError):
            json.dumps(asdict(each))
        html = page(each)
        blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S)
        assert html.count(KEY) == len(each.url.reveal()) == "".join(blocks).count(KEY)
        assert each.notice and all(text in "".join(blocks) for text in each.notice)


@pytest.mark.parametrize(
    "word",
    [
        KEY,
        f"tianditu:{KEY}",
        f"htps://t0.tianditu.gov.cn/?tk={KEY}",
        f"https://t0.tianditu.gov.cn/img_w/wmts?tk={KEY}",
        f"https://t0.tianditu.gov.cn/img_c/wmts?LAYER=img&TILEMATRIXSET=c&tk={KEY}",
        f"https://u:{KEY}@gis.yx/{{z}}/{{x}}/{{y}}",
        f"https://gis.yx:{KEY}/{{z}}/{{x}}/{{y}}",
        f"https://gis.yx/{{z}}/{{x}}/{{y}}?tk={KEY}#1-x",
        f"https://gis.yx/{{z}}/{{x}}/{{y}}?tk= {KEY}",
        f"https://[gis.yx/{{z}}/{{x}}/{{y}}?tk={KEY}",
    ],
)
def test_no_error_repeats_a_key(word: str) -> None:
    error = refused(word)
    assert KEY not in error.zh + error.en and KEY.lower() not in error.zh + error.en


# Addresses ---------------------------------------------------------------------------------------


def test_address_of_the_intranet() -> None:
    found = ask("http://GIS.yx.local:8080/img/{z}/{x}/{-y}.png#8-16")
    assert found.url.reveal() == ("http://GIS.yx.local:8080/img/{z}/{x}/{-y}.png",)
    assert found.hosts == ("http://gis.yx.local:8080",)
    assert (found.min_zoom, found.max_native_zoom) == (8, 16)
    assert not found.gcj02 and found.notice and "密钥" not in found.notice[0]
    servers = ask("https://t{s}.yx.local/%7Bz%7D/%7Bx%7D/%7By%7D")
    assert servers.hosts == ("https://ta.yx.local", "https://tb.yx.local", "https://tc.yx.local")


@pytest.mark.parametrize("matrix_set", ["EPSG:3857", "GoogleMapsCompatible", "w", "epsg:900913"])
def test_wmts_address_becomes_a_template(matrix_set: str) -> None:
    found = ask(
        "http://gis.yx/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&layer=img&format=image/jpeg"
        f"&TileMatrixSet={matrix_set}"
    )
    (address,) = found.url.reveal()
    query = dict(pair.split("=") for pair in address.partition("?")[2].split("&"))
    assert query == {
        "SERVICE": "WMTS", "REQUEST": "GetTile", "VERSION": "1.0.0", "layer": "img", "STYLE": "",
        "format": "image/jpeg", "TileMatrixSet": matrix_set, "TILEMATRIX": "{z}",
        "TILEROW": "{y}", "TILECOL": "{x}",
    }  # fmt: skip
    assert found.title == ("底图 gis.yx img", "Basemap gis.yx img")


def test_wmts_of_geoserver_and_templates_in_the_words_of_wmts() -> None:
    (address,) = ask(
        "http://gis.yx/geoserver/gwc/service/wmts?LAYER=yx:img&TILEMATRIXSET=EPSG:900913"
    ).url.reveal()
    assert "TILEMATRIX=EPSG:900913:{z}&TILEROW={y}&TILECOL={x}" in address
    (rest,) = ask("http://gis.yx/img/default/w/{TileMatrix}/{TileRow}/{TileCol}.png").url.reveal()
    assert rest == "http://gis.yx/img/default/w/{z}/{y}/{x}.png"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("osm", "no known basemap"),
        ("ftp://gis.yx/{z}/{x}/{y}", "no known basemap"),
        ("http://gis.yx/tiles/", "needs {z}"),
        ("http://gis.yx/{z}/{x}", "needs {z}"),
        ("http://gis.yx/{z}/{x}/{y}/{-y}", "needs {z}"),
        ("http://gis.yx/{z}/{x}/{y}/{key}", "no other braces"),
        ("http://gis.yx/{z}/{x}/{y}}", "no other braces"),
        ("http://gis.yx/wmts?LAYER=img", "no TILEMATRIXSET="),
        ("http://gis.yx/wmts?LAYER=img&TILEMATRIXSET=c", "not Web Mercator"),
        ("http://gis.yx/wmts?LAYER=img&TILEMATRIXSET=EPSG:4490", "not Web Mercator"),
        ("http://gis.yx/{z}/{x}/{y}?TILEMATRIXSET=c", "not Web Mercator"),
        ("http://gis.yx/{z}/{x}/{y}#16-8", "range of levels"),
        ("http://gis yx/{z}/{x}/{y}", "no good address"),
        ("http://gis.yx;script-src/{z}/{x}/{y}", "no good address"),
        ("http://*/{z}/{x}/{y}", "no good address"),
        ("http://user:word@gis.yx/{z}/{x}/{y}", "no good address"),
        ("http:///{z}/{x}/{y}", "no good address"),
        ("https://online1.map.bdimg.com/tile/?qt=tile&x={x}&y={y}&z={z}", "BD-09"),
    ],
)
def test_what_is_no_basemap_is_told(word: str, says: str) -> None:
    error = refused(word)
    assert says in error.en and "word@" not in error.en
    assert "\n" not in error.zh and re.search("[\u4e00-\u9fff]", error.zh)


@pytest.mark.parametrize(
    "word",
    [
        "gaode",
        "https://webrd01.is.autonavi.com/appmaptile?style=7&x={x}&y={y}&z={z}",
        "http://rt0.map.gtimg.com/tile?z={z}&x={x}&y={-y}",
        "https://www.google.cn/maps/vt?lyrs=s&x={x}&y={y}&z={z}",
    ],
)
def test_shifted_services_are_known_however_they_are_asked_for(word: str) -> None:
    found = ask(word)
    assert found.gcj02 and found.notice and "数据未移动" in found.notice[0]
    assert json.loads(found.json())["gcj02"] is True
    assert not ask("https://notautonavi.com/{z}/{x}/{y}").gcj02


# Cut-outs ----------------------------------------------------------------------------------------


def test_cut_out_goes_into_the_page_and_asks_for_no_host(tmp_path: Path) -> None:
    tiles = {tile_at(level, 102.54, 24.355): picture(ground=(level, 0, 0)) for level in (12, 13)}
    path = write_mbtiles(tmp_path / "玉溪.mbtiles", tiles)
    found = ask(str(path))
    data = json.loads(found.json())
    assert data["levels"] == [12, 13] and len(data["pictures"]) == 2 and not data["urls"]
    assert found.title[0] == "底图 玉溪" and found.notice is None and found.hosts == ()
    assert (found.min_zoom, found.max_native_zoom) == (12, 13)
    html = page(found)
    assert sources(html) == ["data:", "blob:"]
    assert str(tmp_path) not in html + repr(found) and len(repr(found)) < 500
    limit = len(data["pictures"][0]) + 24
    small = basemap(str(path), bounds=BOUNDS, size_limit=limit)
    assert small.notice and "只取到 12 级" in small.notice[0] and "13" in small.notice[1]


def test_missing_cut_out(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        ask(str(tmp_path / "a.PMTILES"))


# The page ----------------------------------------------------------------------------------------


def test_policy_has_just_the_origins_of_the_basemaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert sources(page()) == ["data:", "blob:"]
    found = ask("tianditu")
    html = page(found, ask("http://gis.yx/{z}/{x}/{y}"), ask("tianditu-vec"))
    assert sources(html) == ["data:", "blob:", *found.hosts, "http://gis.yx"]
    check_offline(html)


def test_declared_hosts_do_not_let_anything_but_pictures_of_the_basemap_in() -> None:
    sheet = OfflinePage("底图", "zh-CN")
    sheet.hosts = ["http://gis.yx"]
    with pytest.raises(OutputError, match=r"gis\.yx"):
        check_offline('<img src="http://gis.yx/a.png">')
    with pytest.raises(OutputError):
        check_offline('<script>new Image().src = "http://gis.yx/a.png"</script>')
    sheet.render()
    for bad in ("http://gis.yx; script-src *", "http://gis.yx/a b", "*", "http:", "data:"):
        sheet.hosts = [bad]
        with pytest.raises(OutputError):
            sheet.render()


def test_text_in_a_basemap_cannot_leave_its_data_block() -> None:
    text = "</script><script>window.pwned=1</script>{{ 7*7 }}"
    html = page(
        replace(ask("gaode"), title=(text, text), attribution=(text, text), url=Hidden(text))
    )
    assert "<script>window" not in html and "{{ 7*7 }}" in html
    check_offline(html)
