"""One page a town: which feature is on which page, and the index that leads to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from tests.export.webmap.unpacked import layers_of
from yuxi_gis.errors import CRSError, OutputError, ParameterError
from yuxi_gis.export.webmap import write_map
from yuxi_gis.export.webmap.page import check_offline
from yuxi_gis.export.webmap.split import write_town_maps

EAST, NORTH = 550_000, 2_690_000
A, B = "530402001", "530402002"


def at(x: float, side: float = 80) -> shapely.Polygon:
    return shapely.box(EAST + x, NORTH, EAST + x + side, NORTH + side)


def land() -> dict[str, gpd.GeoDataFrame]:
    """Fields of town A at 0 and 100, of B at 1000; one without a code within a field of A, one
    far from all; wells, which have no codes, in A, touching B, and far away."""
    codes = [f"{A}0010000000001", f"{A}0010000000002", f"{B}0010000000003", "", "x"]
    shapes = [at(0), at(100), at(1000), at(110, 20), at(5000)]
    fields = gpd.GeoDataFrame({"DKBM": [c[:19] for c in codes]}, geometry=shapes, crs=4543)
    places = [at(10, 5), at(1070, 40), at(9000, 5)]
    wells = gpd.GeoDataFrame({"name": ["a", "b", "far"]}, geometry=places, crs=4543)
    return {"farmland": fields, "wells": wells.to_crs(4490)}


def findings() -> gpd.GeoDataFrame:
    """By the parcel's code; by the parcel's place; by place only; without any."""
    row = {
        "rule": "T01",
        "severity": "error",
        "message_zh": "甲",
        "message_en": "a",
        "area_m2": 1.0,
    }
    frame = gpd.GeoDataFrame(
        {
            **row,
            "layer": ["farmland", "farmland", "wells", "wells"],
            "feature": [f"{B}0010000000003"[:19], "", "b", "far"],
        },
        geometry=[at(0, 1), at(112, 1), at(1072, 1), at(9001, 1)],
        crs=4543,
    )
    return frame.assign(value=["by code", "by place", "by touch", "nowhere"])


def pages(folder: Path) -> dict[str, dict[str, list[str]]]:
    """The first column of every layer of every town's page."""
    out = {}
    for path in sorted(folder.glob("*.html")):
        if path.name != "index.html":
            found = layers_of(path.read_text(encoding="utf-8"))
            out[path.stem] = {name: sorted(layer.keys) for name, layer in found.items()}
    return out


def test_every_feature_is_on_the_page_of_its_town(tmp_path: Path) -> None:
    result = write_town_maps(tmp_path / "t", land(), findings=findings())
    assert result.index == tmp_path / "t" / "index.html"
    assert [page.code for page in result.pages] == [A, B, "rest"]
    found = pages(tmp_path / "t")
    assert found[A]["farmland"] == ["", f"{A}0010000000001"[:19], f"{A}0010000000002"[:19]]
    assert found[A]["wells"] == ["a"] and found[A]["findings"] == [""]
    assert found[B]["farmland"] == [f"{B}0010000000003"[:19]]
    assert found[B]["wells"] == ["b"]
    assert found[B]["findings"] == [f"{B}0010000000003"[:19], "b"]
    assert found["rest"] == {"farmland": ["x"], "wells": ["far"], "findings": ["far"]}
    drawn = sum(len(keys) for page in found.values() for keys in page.values())
    assert drawn == sum(page.features for page in result.pages) == 5 + 3 + 4


def test_patches_by_code_and_by_place(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"JCBH": ["1", "2", "3"], "kind": "built", "seasonal": False}
    facts |= {"MJ": 1.0, "MJ_MU": 1.0, "XZQDM": [f"{B}001", "", ""]}
    shapes = [at(0, 9), at(20, 9), at(7000, 9)]
    patches = gpd.GeoDataFrame(facts, geometry=shapes, crs=4543)
    write_town_maps(tmp_path / "t", land(), patches=patches)
    found = pages(tmp_path / "t")
    assert [found[code]["patches"] for code in (A, B, "rest")] == [["2"], ["1"], ["3"]]


def test_former_county_codes_and_administrative_areas(tmp_path: Path) -> None:
    """Jiangchuan was 530421; the area carries the code of today."""
    fields = gpd.GeoDataFrame(
        {"DKBM": ["5304210010010000001", ""]}, geometry=[at(0), at(100)], crs=4543
    )
    admin = gpd.GeoDataFrame({"XZQDM": ["530403001"]}, geometry=[at(-50, 400)], crs=4543)
    result = write_town_maps(tmp_path / "t", {"farmland": fields, "admin": admin})
    assert [(page.code, page.features) for page in result.pages] == [("530403001", 3)]


def test_index_links_pages_with_counts_and_areas(tmp_path: Path) -> None:
    out = tmp_path / "t"
    result = write_town_maps(out, land(), findings=findings(), title="甲 <i> 县", lang="en")
    index = result.index.read_text(encoding="utf-8")
    check_offline(index)
    links = re.findall(r'<a href="([^"]+)">', index)
    assert links == [f"{A}.html", f"{B}.html", "rest.html"]
    assert all((out / link).is_file() for link in links)
    assert "甲 &lt;i&gt; 县" in index and "<i>" not in index
    # Two fields of 6,400 m² and one of 400 m²; ellipsoidal, so nearly.
    area = re.search(r"<td>Contracted farmland</td><td>3</td><td>([\d.]+) mu</td>", index)
    assert area and float(area[1]) == pytest.approx((2 * 6400 + 400) / (2000 / 3), rel=2e-3)
    towns = layers_of(index)["towns"]
    assert towns.count == 2 and sorted(row["Region code"] for row in _english(index)) == [A, B]


def _english(index: str) -> list[dict[str, str]]:
    return layers_of(index, "en")["towns"].rows


def test_all_or_nothing_and_pages_of_an_earlier_run(tmp_path: Path) -> None:
    out = tmp_path / "t"
    out.mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "530499001.html").write_text("old page", encoding="utf-8")
    with pytest.raises(OutputError):
        write_town_maps(out, land())
    broken = land() | {"wells": land()["wells"].set_crs(None, allow_override=True)}
    with pytest.raises(CRSError):
        write_town_maps(out, broken, overwrite=True)
    assert sorted(p.name for p in out.iterdir()) == ["530499001.html", "notes.txt"]
    write_town_maps(out, land(), overwrite=True)
    names = {p.name for p in out.iterdir()}
    assert names == {"notes.txt", "index.html", f"{A}.html", f"{B}.html", "rest.html"}
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ParameterError):
        write_town_maps(tmp_path / "t", {"farmland": land()["farmland"].iloc[:0]})
    assert not list(tmp_path.iterdir())


def test_a_large_page_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    write_town_maps(tmp_path / "t", land(), note_above=1, note=lambda zh, en: told.append(en))
    assert told and all("--simplify" in text for text in told) and len(set(told)) == len(told)


def test_a_page_above_the_hard_limit_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yuxi_gis.export.webmap.size.REFUSE_ABOVE", 1000)
    with pytest.raises(OutputError, match="--split town"):
        write_map(tmp_path / "m.html", land(), note_above=1000)
    assert not list(tmp_path.iterdir())
    assert write_map(tmp_path / "m.html", land(), note_above=10**7).is_file()
