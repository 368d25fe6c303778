"""``yuxi-gis change``: what is printed, and what lies in the folder."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import rasterio
from rasterio.windows import Window

from tests.change import planted
from tests.cli.conftest import Ran
from tests.conftest import ROOT
from yuxi_gis.cli import change as command
from yuxi_gis.errors import ParameterError

Yuxi = Callable[..., Ran]
SAMPLE = ROOT / "sample_data"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A quiet landscape in which two places were built on."""
    folder = tmp_path_factory.mktemp("scenes")
    before = planted.ground((120, 120))
    after = before.copy()
    planted.put(after, slice(20, 28), slice(30, 40), "concrete")
    planted.put(after, slice(80, 85), slice(90, 95), "concrete")
    scale = {"REFLECTANCE_SCALE": "10000"}
    return (
        planted.write(
            folder / "a.tif",
            planted.look(before, 1),
            tags=scale | {"ACQUISITION_DATE": "2024-03-18"},
        ),
        planted.write(
            folder / "b.tif",
            planted.look(after, 2),
            tags=scale | {"ACQUISITION_DATE": "2026-02-11"},
        ),
    )


def names(folder: Path) -> list[str]:
    # GDAL leaves .aux.xml beside a GeoPackage that was read.
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".xml")


def test_the_folder_holds_what_is_asked_for(
    yuxi: Yuxi, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = yuxi("change", *pair, "-o", out, "--schema", "jctb", "--chips", "1", "--lang", "en")
    assert ran.code == 0, ran.err
    patches = gpd.read_file(out / "patches.gpkg")
    largest = patches.sort_values(["seasonal", "MJ"], ascending=[True, False])["JCBH"].iloc[0]
    assert names(out / "chips") == [f"{largest}.png"]
    jctb = gpd.read_file(out / "jctb.gpkg", layer="JCTB")
    assert jctb["JCBH"].tolist() == patches["JCBH"].tolist()
    assert "field.xlsx" in names(out) and "jctb.shp" in names(out)
    assert f"1 patches of {len(patches)}" in ran.out
    assert "smaller than the survey maps" in ran.out
    sheet = openpyxl.load_workbook(out / "field.xlsx").worksheets[0]
    assert sheet["A6"].value == largest
    assert "before, bands: blue=1 green=2 red=3" in ran.err and "after, reflectance: " in ran.err
    assert "the before scene" in ran.err or "misregistration" in ran.err
    # Not even --overwrite replaces what is an input.
    old, source = (out / "jctb.gpkg").read_bytes(), f"monitoring_patch={out / 'jctb.gpkg'}"
    refused = yuxi("change", *pair, "--parcels", source, "-o", out, "--overwrite", "-q")
    assert refused.code == 2 and (out / "jctb.gpkg").read_bytes() == old
    again = yuxi("change", *pair, "-o", out, "--overwrite", "-q")
    assert again.code == 0 and names(out) == ["change.tif", "patches.gpkg"]


def test_the_report_tells_scenes_and_patches(
    yuxi: Yuxi, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = yuxi("change", *pair, "-o", out, "--json", "-q", "--chips", "--lang", "zh")
    report = json.loads(ran.out)
    assert ran.code == 0 and ran.err == ""
    assert [scene["date"] for scene in report["scenes"]] == ["2024-03-18", "2026-02-11"]
    assert report["scenes"][0]["roles"] == list(planted.ROLES)
    assert {made["what"] for made in report["decisions"]["after"]} >= {"bands", "reflectance"}
    assert "registration" in report and "small_patches_dropped" in report
    # Without a number, all of a few patches have pictures.
    assert sorted(report["chips"]) == sorted(gpd.read_file(out / "patches.gpkg")["JCBH"])


@pytest.mark.parametrize(
    "wrong",
    [
        ("--bands", "red"),
        ("--bands", "red=0,nir=4"),
        ("--bands", "red=3,red=4"),
        ("--bands", "=3"),
        ("--bands", ""),
        ("--bands", "red=3,nir=٤"),
        ("--bands-after", "red=three"),
        ("--method", "svm"),
        ("--schema", "ygxz"),
        ("--chips", "-1"),
        ("--chips", "many"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(
    yuxi: Yuxi, pair: tuple[Path, Path], tmp_path: Path, wrong: tuple[str, str]
) -> None:
    for lang in ("zh", "en"):
        ran = yuxi("change", *pair, "-o", tmp_path / "out", "--lang", lang, "-q", *wrong)
        assert ran.code == 2 and len(ran.err.strip().splitlines()) == 1, ran.err
        assert "Traceback" not in ran.err and "Internal" not in ran.err and "内部" not in ran.err
    assert not (tmp_path / "out").exists()


def test_bands_are_parsed() -> None:
    assert command.parse_bands("red=3, NIR=4") == {"red": 3, "nir": 4}
    assert command.parse_bands("red=3，nir=4") == {"red": 3, "nir": 4}
    with pytest.raises(ParameterError) as error:
        command.parse_bands("red=\x1b[31m3")
    assert "\x1b" not in error.value.zh + error.value.en


def test_the_detection_is_told_only_what_differs() -> None:
    told = command._engine_options
    assert told(None, None, "irmad", False) == {}
    assert told("red=1", "red=2", "cva", True) == {
        "bands": {"red": 1},
        "bands_after": {"red": 2},
        "method": "cva",
        "resume": True,
    }


def test_methods_are_those_of_the_library() -> None:
    try:
        methods: Any = importlib.import_module("yuxi_gis.change.methods")
    except ModuleNotFoundError:
        pytest.skip("the table of methods is not there yet")
    assert set(command._METHODS) == set(methods.METHODS)
    assert methods.DEFAULT == command._METHOD


def _part(scene: Path, folder: Path) -> Path:
    """The middle of a scene."""
    with rasterio.open(scene) as data:
        window = Window(data.width // 4, data.height // 4, data.width // 3, data.height // 3)
        profile = data.profile | {"width": window.width, "height": window.height}
        profile |= {"transform": data.window_transform(window), "tiled": False}
        for name in ("blockxsize", "blockysize"):
            profile.pop(name, None)
        with rasterio.open(folder / scene.name, "w", **profile) as out:
            out.write(data.read(window=window))
            out.update_tags(**data.tags())
            out.descriptions, out.scales, out.offsets = data.descriptions, data.scales, data.offsets
    return folder / scene.name


def test_the_village(yuxi: Yuxi, tmp_path: Path) -> None:
    """With parcels: former land class, protected cropland and village are known."""
    scenes = [_part(SAMPLE / f"scene_{when}.tif", tmp_path) for when in ("before", "after")]
    out = tmp_path / "out"
    ran = yuxi(
        "change", *scenes, "--parcels", SAMPLE / "village.gpkg", "-o", out, "--schema", "jctb",
        "--chips", "3", "-q", "--lang", "zh",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    jctb = gpd.read_file(out / "jctb.gpkg", layer="JCTB")
    inside = jctb[jctb["XZQDM"].notna()]
    assert len(inside) and set(inside["XMC"]) == {"元江哈尼族彝族傣族自治县"}
    assert inside["DLBM"].notna().mean() > 0.9 and set(inside["SFYN"]) == {"1", "2"}
    assert jctb["BZ"].str.startswith("疑似").all()
    for word in ("违法", "非法", "illegal"):
        assert not any(jctb[name].astype(str).str.contains(word).any() for name in jctb)
    checked = yuxi("check", f"monitoring_patch={out / 'jctb.shp'}", "--json", "-q")
    found = json.loads(checked.out)["findings"]
    assert not [one for one in found if one["severity"] in ("error", "warning")]
    cells = openpyxl.load_workbook(out / "field.xlsx").worksheets[0]
    assert np.array([cells[f"G{row}"].value is not None for row in (6, 7, 8)]).any()
