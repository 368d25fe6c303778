"""The report: what it says, what it shows, and that nothing in it is live."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from yuxi_gis.checks import RULES, CheckResult, run_checks
from yuxi_gis.errors import OutputError, SourceError
from yuxi_gis.export.report import write_report

CODES = [f"530402001001000000{i}" for i in range(1, 7)]
HOSTILE = "</title></svg><script>alert(1)</script><img src=x onerror=alert(2)>\u202e&\x00"
SVG = "{http://www.w3.org/2000/svg}"


def farmland(**columns: Any) -> gpd.GeoDataFrame:
    """Six squares of 20 m in a row; the first reaches 2 m over the second."""
    shapes = [shapely.box(5e5 + 20 * i, 27e5, 500_020 + 20 * i, 2_700_020) for i in range(6)]
    shapes[0] = shapely.box(5e5, 27e5, 500_022, 2_700_020)
    return gpd.GeoDataFrame({"DKBM": CODES} | columns, geometry=shapes, crs=4543)


class Reader(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self.tags or self.tags[-1][0] != "style":
            self.text += data


def written(path: Path, result: CheckResult, layers: dict[str, Any], **more: Any) -> str:
    write_report(path / "r.html", result, layers, overwrite=True, **more)
    return (path / "r.html").read_text(encoding="utf-8")


def drawings(page: str) -> list[ET.Element]:
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.S)]


@pytest.fixture(scope="module")
def layers() -> dict[str, gpd.GeoDataFrame]:
    return {"farmland": farmland()}


@pytest.fixture(scope="module")
def result(layers: dict[str, gpd.GeoDataFrame]) -> CheckResult:
    return run_checks(layers, rules=["T03", "S09", "R01"])


def test_what_it_says(result: CheckResult, layers: dict[str, Any], tmp_path: Path) -> None:
    page = Reader(written(tmp_path, result, layers, inputs=["/home/user/DK.shp"]))
    for text in (
        "农村土地数据检查报告", "疑似", "须核实", "DK.shp", str(result.profile), "证件号码",
        f"共 {len(result.findings)} 个问题", RULES["T03"].page("zh")["why"],
        RULES["T03"].mend("zh"), "面重叠", CODES[0], CODES[1], "未执行的检查", "复核人",
    ):  # fmt: skip
        assert text in page.text, text
    assert "/home/user" not in page.text
    english = Reader(written(tmp_path, result, layers, lang="en"))
    assert english.tags[0] == ("html", {"lang": "en"})
    assert RULES["T03"].page("en")["why"] in english.text and "not a verdict" in english.text
    assert not re.search("[一-鿿]", english.text.replace("荷花社区居民委员会", ""))


def test_the_picture_shows_parcels_fault_and_scale(
    result: CheckResult, layers: dict[str, Any], tmp_path: Path
) -> None:
    (svg,) = drawings(written(tmp_path, result, layers))
    paths = svg.findall(f"{SVG}path")
    by_colour = {p.get("stroke"): p.get("d") for p in paths}
    assert {"#d7191c", "#3f6b26", "#3b6fb5", "#b5b5b5", "#222"} <= set(by_colour)

    def width(colour: str) -> float:
        xs = [float(x) for x in re.findall(r"[ML](-?[\d.]+),", by_colour[colour])]
        return max(xs) - min(xs)

    # 22 m of parcel, 20 m of its neighbour, 2 m of overlap, and a bar that says its length.
    assert width("#3f6b26") / width("#3b6fb5") == pytest.approx(1.1, rel=0.01)
    assert width("#3f6b26") / width("#d7191c") == pytest.approx(11, rel=0.02)
    texts = [text.text for text in svg.findall(f"{SVG}text")]
    assert CODES[0] in texts and CODES[1] in texts and "N" in texts
    metres = next(float(text[:-2]) for text in texts if text and text.endswith(" m"))
    start, end = map(float, re.findall(r"M(\d+),.*H([\d.]+)V", by_colour["#222"])[0])
    pixels = width("#3f6b26") / 22
    assert (end - start) / pixels == pytest.approx(metres, rel=0.01)


def test_degrees_and_prefixes_draw_the_same(
    result: CheckResult, layers: dict[str, Any], tmp_path: Path
) -> None:
    (want,) = drawings(written(tmp_path, result, layers))
    for crs in (4522, 4490):
        moved = {"farmland": layers["farmland"].to_crs(crs)}
        (got,) = drawings(written(tmp_path, run_checks(moved, rules=["T03"]), moved))
        for a, b in zip(want.findall(f"{SVG}path"), got.findall(f"{SVG}path"), strict=True):
            drawn = [re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", p.get("d") or "") for p in (a, b)]
            extents = [
                np.r_[points.min(axis=0), points.max(axis=0)]
                for points in (np.array(pairs, dtype=float) for pairs in drawn)
            ]
            assert np.allclose(*extents, atol=12 if crs == 4490 else 0.2)


def test_nothing_in_it_is_live(tmp_path: Path) -> None:
    layers = {"farmland": farmland(DKBM=[HOSTILE, HOSTILE + "2", *CODES[2:]], DKLB=HOSTILE)}
    result = run_checks(layers, unread=[SourceError(HOSTILE, HOSTILE)])
    about = result.about.assign(remark=HOSTILE)
    page = written(tmp_path, replace(result, about=about), layers, inputs=[HOSTILE])
    parsed = Reader(page)
    allowed = {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "b", "a", "table",
        "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "path", "text",
        "circle", "div", "span",
    }  # fmt: skip
    assert {tag for tag, _ in parsed.tags} <= allowed
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") or name in ("style", "src") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#"), tag
    assert not set("\x00\u202e") & set(page)
    assert "alert(1)" in parsed.text, "it is there, as text"
    policy = next(a for t, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'; style-src 'sha256-")
    assert all(ET.tostring(svg) for svg in drawings(page))


def test_personal_data_are_masked(tmp_path: Path) -> None:
    layers = {"farmland": farmland()}
    result = run_checks(layers, rules=["T03"])
    about = result.about.assign(remark="电话 13812345678")
    page = written(tmp_path, replace(result, about=about), layers)
    assert "13812345678" not in page and "138******78" in page


def test_at_most_twenty_of_a_rule(tmp_path: Path) -> None:
    n = 30
    shapes = [shapely.box(5e5 + 10 * i, 27e5, 500_011 + 10 * i, 2_700_010) for i in range(n)]
    codes = [f"53040200100{i % 3 + 1}00000{i:02d}" for i in range(n)]
    layers = {"farmland": gpd.GeoDataFrame({"DKBM": codes}, geometry=shapes, crs=4543)}
    page = Reader(written(tmp_path, run_checks(layers, rules=["T03"]), layers))
    rows = re.findall(r"重叠 10\.00 m²", page.text)
    assert len(rows) == 20
    assert "只列出前 20 个" in page.text and "按村：" in page.text


def test_states_and_what_is_mended(
    result: CheckResult, layers: dict[str, Any], tmp_path: Path
) -> None:
    about = result.about.assign(state="remaining", remark="已约谈")
    mended = result.findings[:2].assign(region="", state="mended", remark="")
    page = Reader(written(tmp_path, replace(result, about=about, mended=mended), layers)).text
    assert f"新增 0，仍存在 {len(about)}，已整改 2" in page and "已约谈" in page
    assert "已整改 (2)" in page


def test_what_cannot_be_drawn_is_told_all_the_same(tmp_path: Path) -> None:
    """No CRS, no geometry, coordinates that are no numbers, far outside; a table."""
    nowhere = farmland().set_crs(None, allow_override=True)
    odd = farmland()
    odd.geometry = [None, shapely.Polygon(), shapely.box(1e12, 1e12, 1e12 + 5, 1e12 + 5),
                    shapely.Polygon([(0, 0), (np.nan, 1), (1, 1)]), *odd.geometry[4:]]  # fmt: skip
    for frame in (nowhere, odd, pd.DataFrame(farmland().drop(columns="geometry"))):
        layers = {"farmland": frame}
        result = run_checks(layers)
        assert len(result.findings)
        assert "<h2" in written(tmp_path, result, layers)
    empty = {"farmland": farmland()[2:4].reset_index(drop=True)}
    clean = run_checks(empty, rules=["T03"])
    assert "共 0 个问题" in written(tmp_path, clean, empty)


def test_an_existing_file_is_refused_and_kept(
    result: CheckResult, layers: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(OutputError):
        write_report(tmp_path / "r.html", result, layers)
    assert (tmp_path / "r.html").read_text() == "mine"
