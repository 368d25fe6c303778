"""The self-check of a written page, and what the page says of where it comes from."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
import zipfile
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity

from tests.export.webmap.unpacked import layers_of
from yuxi_gis.codes import Masking
from yuxi_gis.errors import OutputError, ParameterError
from yuxi_gis.export.webmap import make_map, write_map
from yuxi_gis.export.webmap.about import file_hashes
from yuxi_gis.export.webmap.page import check_offline
from yuxi_gis.export.webmap.simplify import simplified
from yuxi_gis.export.webmap.size import estimate_bytes

EAST, NORTH = 554_000.0, 2_690_000.0


def farmland(count: int = 4) -> gpd.GeoDataFrame:
    """A strip of fields of 30 m that share their borders, each with a vertex to spare."""
    shapes = [
        shapely.Polygon([(x, 0), (x + 30, 0), (x + 30, 30), (x + 15, 30.4), (x, 30)])
        for x in range(0, 30 * count, 30)
    ]
    codes = [f"5304021032030{i:06d}" for i in range(count)]
    frame = gpd.GeoDataFrame({"DKBM": codes, "DKLB": "10"}, geometry=shapes, crs=4543)
    frame.geometry = frame.translate(EAST, NORTH)
    return frame


@pytest.fixture(scope="module")
def page() -> str:
    return make_map({"farmland": farmland()}).get_root().render()


def provenance(page: str) -> dict[str, Any]:
    (block,) = re.findall(r'id="yuxi-provenance">(.*?)</script>', page, re.S)
    found: dict[str, Any] = json.loads(block)
    return found


# --- Outside addresses ------------------------------------------------------------------------

OUTSIDE = [
    '<script src="https://x.example/a.js"></script>',
    '<script src="//x.example/a.js"></script>',
    '<script src="a.js"></script>',
    '<script>fetch("https://x.example/")</script>',
    "<script>new WebSocket('wss://x.example')</script>",
    '<link rel="stylesheet" href="http://x.example/a.css">',
    '<LINK REL=preconnect HREF=//x.example>',
    '<img src="http://x.example/a.png">',
    "<img src=' https://x.example/a.png'>",
    '<img srcset="a.png 2x">',
    '<svg><image xlink:href="a.png"/></svg>',
    '<svg><use href="a.svg#b"/></svg>',
    '<iframe src="https://x.example"></iframe>',
    '<object data="a.pdf"></object>',
    '<video poster="a.png"></video>',
    '<form action="https://x.example"><button formaction="/b">x</button></form>',
    '<body background="a.png">',
    '<a ping="https://x.example" href="#x">x</a>',
    '<a href="https://x.example/">x</a>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="data:text/html,x">x</a>',
    '<base href="https://x.example/">',
    '<meta http-equiv="refresh" content="0; url=https://x.example">',
    "<style>@import 'a.css';</style>",
    "<style>p { background: url(https://x.example/a.png) }</style>",
    '<p style="background: url(a.png)">x</p>',
    '<html manifest="a.appcache">',
]  # fmt: skip


@pytest.mark.parametrize("planted", OUTSIDE)
@pytest.mark.parametrize("before", ["</head>", "</body>"])
def test_every_kind_of_outside_address_is_found(page: str, planted: str, before: str) -> None:
    check_offline(page)
    with pytest.raises(OutputError):
        check_offline(page.replace(before, planted + before, 1))


def test_links_to_pages_beside_it_are_not_outside() -> None:
    check_offline('<a href="530402001.html">x</a><a href="rest.html">x</a><a href="#top">x</a>')
    for address in (
        *("../a.html", "a/b.html", "//a.html", "A B.html", "a.html?x", "a.html\n", "a.htm"),
        *("%2e%2e.html", "javascript:a.html", "c:a.html"),
    ):
        with pytest.raises(OutputError):
            check_offline(f'<a href="{address}">x</a>')
    with pytest.raises(OutputError):
        check_offline('<link href="a.html"><iframe src="530402001.html"></iframe>')


@given(st.text(alphabet="0123456789abc_./\\:%#? &;\t\n-AZ乡", max_size=12))
def test_no_other_link_leaves_the_folder(address: str) -> None:
    if re.fullmatch(r"[0-9a-z_]+\.html", address) or address.strip().startswith("#"):
        return
    with pytest.raises(OutputError):
        check_offline(f'<a href="{escape(address)}">x</a>')


def test_what_was_written_is_checked_not_what_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that turns bad on its way to the file is refused, and no file is left."""
    whole = Path.write_text

    def worse(self: Path, text: str, **how: Any) -> int:
        return whole(self, text.replace("</body>", '<img src="//x.example/a"></body>'), **how)

    monkeypatch.setattr(Path, "write_text", worse)
    with pytest.raises(OutputError, match="x\\.example"):
        write_map(tmp_path / "map.html", {"farmland": farmland()})
    assert not list(tmp_path.iterdir())


# --- Provenance -------------------------------------------------------------------------------


def test_page_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    source = tmp_path / "some folder" / "DK.gpkg"
    source.parent.mkdir()
    source.write_bytes(b"x" * 3_000_000)
    frame = farmland()
    frame.attrs["source"] = str(source)
    page = make_map({"farmland": frame}, masking=Masking(names=False)).get_root().render()
    found = provenance(page)
    assert found["made"] == "2023-11-14T22:13:20+00:00"
    digest = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert found["inputs"] == [{"file": "DK.gpkg", "bytes": 3_000_000, "sha256": digest}]
    assert found["masking"] == "ids phones"
    assert set(found["versions"]) == {"folium", "GDAL", "PROJ"} and "yuxi-gis" in found["software"]
    (layer,) = found["layers"]
    assert layer["crs"].startswith("EPSG:4543") and layer["files"] == ["DK.gpkg"]
    assert (layer["features"], layer["drawn"]) == (4, 4)
    assert "some folder" not in page and str(tmp_path) not in page


def test_hashes_of_shapefiles_folders_and_archives(tmp_path: Path) -> None:
    farmland().to_file(tmp_path / "DK.shp", encoding="utf-8")
    (tmp_path / "DKX.dbf").write_bytes(b"another")
    found = file_hashes(tmp_path / "DK.shp")
    names = [facts["file"] for facts in found]
    assert names == ["DK.shp", "DK.cpg", "DK.dbf", "DK.prj", "DK.shx"]
    for facts in found:
        data = (tmp_path / facts["file"]).read_bytes()
        assert (facts["bytes"], facts["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "DK.shp", "inner/DK.shp")
    (inside,) = file_hashes(tmp_path / "a.zip" / "inner" / "DK.shp")
    assert inside["file"] == "a.zip" and inside["bytes"] == (tmp_path / "a.zip").stat().st_size
    assert file_hashes("/vsicurl/https://x.example/B.gpkg") == [{"file": "B.gpkg"}]


def test_hash_of_a_geodatabase_is_what_sha256sum_gives(tmp_path: Path) -> None:
    folder = tmp_path / "data.gdb"
    folder.mkdir()
    for name in ("b.gdbtable", "a.gdbtable", "Z"):
        (folder / name).write_bytes(name.encode() * 1000)
    (facts,) = file_hashes(folder)
    shell = "cd data.gdb && LC_ALL=C sha256sum * | sha256sum"
    told = subprocess.run(["sh", "-c", shell], cwd=tmp_path, capture_output=True, check=True)
    assert facts["sha256"] == told.stdout.decode().split()[0]
    assert facts["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    (folder / "Z").write_bytes(b"changed")
    assert file_hashes(folder)[0]["sha256"] != facts["sha256"]


# --- Size and simplifying ---------------------------------------------------------------------


@pytest.mark.parametrize("count", [4, 20_000])
def test_size_is_estimated_before_the_page_is_made(count: int) -> None:
    made = make_map({"farmland": farmland(count)})
    told = estimate_bytes(made)
    assert told == pytest.approx(len(made.get_root().render().encode()), rel=0.06)


def test_a_coverage_stays_one() -> None:
    frame, made = simplified(farmland(), 5)
    assert made is not None and made.method == "coverage"
    assert (made.vertices, made.left) == (4 * 6, 4 * 5)
    assert made.shift_m == pytest.approx(0.4, abs=0.05)
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())
    assert len(frame) == 4 and frame.crs == 4543


def test_other_shapes_are_simplified_by_themselves_and_none_is_lost() -> None:
    rows = list(farmland().geometry)
    overlapping = shapely.box(EAST + 10, NORTH, EAST + 40, NORTH + 30)
    tiny = shapely.box(EAST + 500, NORTH, EAST + 500.1, NORTH + 0.1)
    line = shapely.LineString([(EAST, NORTH), (EAST + 50, NORTH + 0.2), (EAST + 100, NORTH)])
    shapes = [*rows, overlapping, tiny, line, None, shapely.Point(EAST, NORTH)]
    before = gpd.GeoDataFrame(geometry=shapes, crs=4543)
    frame, made = simplified(before.to_crs(4490), 2)
    assert made is not None and made.method == "each" and 0 < made.shift_m <= 2
    assert len(frame) == len(before) and frame.geometry.isna().sum() == 1
    assert not frame.geometry.dropna().is_empty.any()
    assert shapely.get_num_coordinates(frame.geometry.iloc[-3]) == 2


def test_an_outline_of_very_many_vertices_is_simplified_soon() -> None:
    """All of its vertices against all (`hausdorff_distance`) took minutes."""
    angle = np.linspace(0, 2 * np.pi, 50_000, endpoint=False)
    radius = 5000 + np.random.default_rng(0).normal(size=len(angle))
    ring = np.stack([EAST + radius * np.cos(angle), NORTH + radius * np.sin(angle)], axis=1)
    hole = shapely.box(EAST, NORTH, EAST + 10, NORTH + 10).exterior
    frame = gpd.GeoDataFrame(geometry=[shapely.Polygon(ring, [hole])], crs=4543)
    began = time.perf_counter()
    drawn, made = simplified(frame, 1)
    assert time.perf_counter() - began < 5
    assert made is not None and made.left < made.vertices
    # Every 50th vertex before: none is further from the outline than what is told.
    lines = drawn.geometry.iloc[0].boundary
    moved = shapely.distance(shapely.points(ring[::50]), lines).max()
    assert 0.5 * made.shift_m < moved <= made.shift_m + 0.01


def test_shift_of_large_shapes_is_that_of_shapely() -> None:
    angle = np.linspace(0, 2 * np.pi, 1200, endpoint=False)
    radius = 500 + np.random.default_rng(1).normal(size=len(angle))
    ring = np.stack([EAST + radius * np.cos(angle), NORTH + radius * np.sin(angle)], axis=1)
    shape, line = shapely.Polygon(ring), shapely.LineString(ring + 2000)
    many = shapely.MultiPolygon([shape, shapely.transform(shape, lambda xy: xy + 5000)])
    both = shapely.GeometryCollection([shape, line, shapely.Point(EAST, NORTH)])
    for before in (shape, line, many, both):
        frame = gpd.GeoDataFrame(geometry=[before], crs=4543)
        after, made = simplified(frame, 1)
        assert made is not None and made.shift_m > 0
        told = shapely.hausdorff_distance(before, after.geometry.iloc[0])
        assert made.shift_m == pytest.approx(told, abs=0.006)


def test_heights_that_are_no_numbers_and_places_off_the_earth_do_not_stop_it() -> None:
    ring = [(102.5, 24.3, 1.0), (102.51, 24.3, np.nan), (102.51, 24.31, 2.0)]
    world = shapely.box(-180, -90, 180, 90)
    frame = gpd.GeoDataFrame(geometry=[shapely.Polygon(ring), world], crs=4490)
    drawn, made = simplified(frame, 2)
    assert made is not None and np.isfinite(drawn.geometry.iloc[0].bounds).all()
    assert simplified(frame.iloc[1:], 2)[1] is not None


def test_points_are_not_simplified() -> None:
    points = farmland()
    points.geometry = points.centroid
    frame, made = simplified(points, 5)
    assert frame is points and made is None


@pytest.mark.parametrize("tolerance", [-1.0, np.nan, np.inf])
def test_bad_tolerance(tolerance: float) -> None:
    with pytest.raises(ParameterError):
        make_map({"farmland": farmland()}, simplify=tolerance)


def test_page_says_how_far_outlines_moved() -> None:
    found = provenance(make_map({"farmland": farmland()}, simplify=5.0).get_root().render())
    told = found["layers"][0]["simplified"]
    assert told["tolerance_m"] == 5 and told["shift_m"] == pytest.approx(0.4, abs=0.05)
    assert (told["vertices"], told["left"]) == (24, 20)


def test_areas_are_those_of_the_whole_shapes() -> None:
    """Else the totals of the page would change with the drawing."""
    frame = farmland(30)
    high = [affinity.scale(s, 1, 1 + i / 30) for i, s in enumerate(frame.geometry)]
    frame.geometry = high
    frame = frame.sample(frac=1, random_state=3)
    areas = []
    for tolerance in (0.0, 8.0):
        page = make_map({"farmland": frame}, simplify=tolerance).get_root().render()
        layer = layers_of(page)["farmland"]
        found = dict(zip(layer.keys, layer.numbers("area", 1), strict=True))
        areas.append(found)
        corners = shapely.get_num_coordinates(layer.shapes)
        assert (corners == (5 if tolerance else 6)).all()
    assert areas[0] == areas[1] and len(set(areas[0].values())) == 30
