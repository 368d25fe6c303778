"""``yuxi-gis map``: one page or one a town, its size, what is printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from shapely import affinity

from tests.cli.conftest import Ran
from tests.export.webmap.unpacked import layers_of

Yuxi = Callable[..., Ran]
TOWNS = ("530402001", "530402002")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six fields of 1,000 m² in two towns, with a corner that 2 m flatten."""
    codes = [f"{town}00100000{i:02d}00" for town in TOWNS for i in range(3)]
    rows = [
        shapely.Polygon([(x, 0), (x + 50, 0), (x + 50, 20), (x + 25, 20.5), (x, 20)])
        for x in range(0, 600, 100)
    ]
    shapes = [affinity.translate(s, 550_000, 2_690_000) for s in rows]
    path = tmp_path_factory.mktemp("map") / "DK.gpkg"
    frame = gpd.GeoDataFrame({"DKBM": codes, "DKMC": "大田"}, geometry=shapes, crs=4543)
    frame.to_file(path, layer="DK")
    return path


def test_one_page(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.html"
    ran = yuxi("map", source, "-o", out, "--title", "甲村 <b>", "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert said == {
        "map": str(out),
        "bytes": out.stat().st_size,
        "layers": 1,
        "features": 6,
        "pages": ["map.html"],
    }
    page = out.read_text(encoding="utf-8")
    assert "<title>甲村 &lt;b&gt;</title>" in page
    assert "MB" not in ran.err


def test_size_is_told_before_the_page_is_written(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    zh = yuxi("map", source, "-o", tmp_path / "zh.html", "--max-size", "0.1", "--lang", "zh")
    assert zh.code == 0, zh.err
    assert "超过 0.1 MB" in zh.err and "--simplify" in zh.err and "--split town" in zh.err
    en = yuxi("map", source, "-o", tmp_path / "en.html", "--max-size", "0.1", "--lang", "en")
    told = re.search(r"about ([\d.]+) MB \(more than 0.1 MB\)", en.err)
    assert told
    assert float(told[1]) == pytest.approx((tmp_path / "en.html").stat().st_size / 1e6, abs=0.06)
    assert "--simplify" in en.err and "--split town" in en.err


def test_simplify_changes_the_drawing_only(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    counts, findings = [], []
    for name, more in (("whole", ()), ("rough", ("--simplify", "5"))):
        out = tmp_path / f"{name}.html"
        ran = yuxi("map", source, "-o", out, *more)
        assert ran.code == 0, ran.err
        layers = layers_of(out.read_text(encoding="utf-8"))
        counts.append(shapely.get_num_coordinates(layers["farmland"].shapes).sum())
        findings.append(layers["findings"].rows)
    assert counts == [6 * 6, 6 * 5]
    assert findings[0] == findings[1]


def test_split_by_town(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "towns"
    ran = yuxi("map", source, "-o", out, "--split", "town", "--json", "--title", "甲县")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    names = ["index.html", *(f"{town}.html" for town in TOWNS)]
    assert said["pages"] == names and sorted(p.name for p in out.iterdir()) == sorted(names)
    assert said["map"] == str(out / "index.html")
    assert said["bytes"] == sum(path.stat().st_size for path in out.iterdir())
    for town in TOWNS:
        keys = layers_of((out / f"{town}.html").read_text(encoding="utf-8"))["farmland"].keys
        assert len(keys) == 3 and all(key.startswith(town) for key in keys)
    again = yuxi("map", source, "-o", out, "--split", "town")
    assert again.code == 2 and "--overwrite" in again.err


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("-o", "map.txt"), ".html"),
        (("-o", "map.html", "--split", "town"), "-o"),
        (("-o", "map.html", "--simplify", "-1"), "--simplify"),
        (("-o", "map.html", "--max-size", "0"), "--max-size"),
        (("-o", "map.html", "--split", "hamlet"), "town"),
        (("-o", "map.html", "--basemap", "googel"), "googel"),
        (("-o", "map.html", "--basemap", "tianditu"), "YUXI_TIANDITU_KEY"),
    ],
)
def test_wrong_options(
    yuxi: Yuxi,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("YUXI_TIANDITU_KEY", raising=False)
    ran = yuxi("map", source, *args)
    assert ran.code == 2 and what in ran.err and "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_basemap_is_told_and_its_key_is_not(
    yuxi: Yuxi, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "0123456789abcdef" * 2
    monkeypatch.setenv("YUXI_TIANDITU_KEY", key)
    out = tmp_path / "map.html"
    ran = yuxi("map", source, "-o", out, "--basemap", "tianditu", "--basemap", "gaode", "--json")
    assert ran.code == 0, ran.err
    assert key in out.read_text(encoding="utf-8")
    assert key not in ran.out + ran.err
    assert "天地图密钥" in ran.err and "GCJ-02" in ran.err
