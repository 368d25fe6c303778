"""Tiny satellite products with the structure of the real ones and invented pixels.

Real Sentinel-2 and Landsat products are too large for the tests; these follow their naming and
metadata: ESA's SAFE (JPEG 2000 bands of 10 m and 20 m, MTD_MSIL2A.xml) and USGS's Collection 2
Level-2 (a GeoTIFF a band, MTL.txt), both with the groups that look alike and mean other things.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from yuxi_gis.errors import SceneError

CRS = "EPSG:32648"
WEST, NORTH = 300_000, 2_700_000
ROLES = ("blue", "green", "red", "nir", "swir1", "swir2")
S2 = "S2A_MSIL2A_20240305T033531_N0510_R061_T48RSN_20240305T070000"
S2_BANDS = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20, "B12": 20}
S2_ID = {"B02": 1, "B03": 2, "B04": 3, "B08": 7, "B11": 11, "B12": 12}
LANDSAT = {
    "oli": "LC08_L2SP_129043_20240305_20240312_02_T1",
    "tm": "LT05_L2SP_129043_20050305_20200902_02_T1",
    "etm": "LE07_L2SP_129043_20050305_20200914_02_T1",
}
L_BANDS = {"oli": (2, 3, 4, 5, 6, 7), "tm": (1, 2, 3, 4, 5, 7), "etm": (1, 2, 3, 4, 5, 7)}


def refuses(*words: str) -> pytest.RaisesExc:
    """A SceneError of one line in both languages that holds the words."""
    return pytest.raises(
        SceneError,
        check=lambda e: "\n" not in e.zh + e.en and e.zh and all(word in e.en for word in words),
    )


def grid(metres: float) -> Affine:
    return Affine(metres, 0, WEST, 0, -metres, NORTH)


def numbers(seed: int, side: int) -> np.ndarray:
    """A smooth surface of numbers from 1,000 to 9,000."""
    y, x = np.mgrid[:side, :side] / side
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(1, 3, 2)
    return np.round(5_000 + 2_000 * np.sin(a * 3 * x + seed) + 2_000 * np.cos(b * 3 * y)).astype(
        "uint16"
    )


def raster(path: Path, data: np.ndarray, metres: float, **options: Any) -> Path:
    """Write a raster; ``names`` and ``tags`` as they say, other options go to the profile."""
    data = data if data.ndim == 3 else data[None]
    names, tags = options.pop("names", None), options.pop("tags", {})
    profile = {
        "driver": "GTiff",
        "count": data.shape[0],
        "height": data.shape[1],
        "width": data.shape[2],
        "dtype": data.dtype,
        "crs": CRS,
        "transform": grid(metres),
        **options,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as out:
        out.write(data)
        if tags:
            out.update_tags(**tags)
        if names:
            out.descriptions = names
    return path


def jp2(path: Path, data: np.ndarray, metres: float) -> Path:
    return raster(path, data, metres, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")


def mtd(baseline: str, offset: int | None, level: str = "2A") -> str:
    """MTD_MSIL2A.xml with what is read from it, and its neighbours."""
    kind = {"2A": ("BOA", "BOA_ADD_OFFSET"), "1C": ("", "RADIO_ADD_OFFSET")}[level]
    offsets = "".join(
        f'<{kind[1]} band_id="{i}">{offset}</{kind[1]}>' for i in range(13) if offset is not None
    )
    values = f"<{kind[1]}_VALUES_LIST>{offsets}</{kind[1]}_VALUES_LIST>" if offsets else ""
    quantification = (
        '<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">10000'
        '</BOA_QUANTIFICATION_VALUE><AOT_QUANTIFICATION_VALUE unit="none">1000.0'
        "</AOT_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>"
        if level == "2A"
        else '<QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/'
        f'User_Product_Level-{level}.xsd"><n1:General_Info><Product_Info>'
        "<PRODUCT_START_TIME>2024-03-05T03:35:31.024Z</PRODUCT_START_TIME>"
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>"
        "<GENERATION_TIME>2024-03-06T07:00:00.000000Z</GENERATION_TIME>"
        '<Datatake datatakeIdentifier="GS2A_20240305T033531_045461_N05.10">'
        "<SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>"
        "<DATATAKE_SENSING_START>2024-03-05T03:35:31.024Z</DATATAKE_SENSING_START></Datatake>"
        f"</Product_Info><Product_Image_Characteristics>{quantification}{values}"
        "</Product_Image_Characteristics></n1:General_Info>"
        f"</n1:Level-{level}_User_Product>"
    )


def scl(side: int) -> np.ndarray:
    """All vegetation, the twelve classes one beside the other in the first row."""
    data = np.full((side, side), 4, dtype="uint8")
    data[0, :12] = range(12)
    return data


def safe(
    folder: Path,
    *,
    side: int = 24,
    baseline: str = "05.10",
    offset: int | None = -1000,
    without: tuple[str, ...] = (),
    name: str = S2,
    seed: int = 0,
    add: int = 0,
) -> Path:
    """A Sentinel-2 L2A SAFE folder of `side` × `side` pixels of 20 m."""
    root = folder / f"{name}.SAFE"
    granule = root / "GRANULE" / "L2A_T48RSN_A045461_20240305T034000"
    for number, (band, metres) in enumerate(S2_BANDS.items()):
        for size in sorted({metres, 20}):
            file = granule / "IMG_DATA" / f"R{size}m" / f"T48RSN_20240305T033531_{band}_{size}m.jp2"
            if band not in without:
                jp2(file, numbers(seed + number, side * 20 // size) + np.uint16(add), size)
    if "SCL" not in without:
        file = granule / "IMG_DATA" / "R20m" / "T48RSN_20240305T033531_SCL_20m.jp2"
        jp2(file, scl(side), 20)
    jp2(granule / "QI_DATA" / "MSK_DETFOO_B02.jp2", scl(side), 20)
    (root / "MTD_MSIL2A.xml").write_text(mtd(baseline, offset), encoding="utf-8")
    return root


def safe_l1c(folder: Path) -> Path:
    root = folder / f"{S2.replace('L2A', 'L1C')}.SAFE"
    images = root / "GRANULE" / "L1C_T48RSN_A045461_20240305T034000" / "IMG_DATA"
    for number, (band, metres) in enumerate(S2_BANDS.items()):
        jp2(images / f"T48RSN_20240305T033531_{band}.jp2", numbers(number, 240 // metres), metres)
    (root / "MTD_MSIL1C.xml").write_text(mtd("05.10", -1000, "1C"), encoding="utf-8")
    return root


def zipped(folder: Path, target: Path) -> Path:
    """A zip of a folder (or of the folders in it), the folder's own name first."""
    with zipfile.ZipFile(target, "w") as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, file.relative_to(folder.parent))
    return target


def mtl(kind: str, mult: float = 2.75e-5, add: float = -0.2) -> dict[str, dict[str, str]]:
    """Groups of the metadata; those of Level-1 hold the same names with other numbers."""
    bands = L_BANDS[kind]
    return {
        "PRODUCT_CONTENTS": {
            "LANDSAT_PRODUCT_ID": LANDSAT[kind],
            "PROCESSING_LEVEL": "L2SP",
            **{f"FILE_NAME_BAND_{b}": f"{LANDSAT[kind]}_SR_B{b}.TIF" for b in bands},
        },
        "IMAGE_ATTRIBUTES": {"SPACECRAFT_ID": "LANDSAT_8", "DATE_ACQUIRED": "2024-03-05"},
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {
            **{f"REFLECTANCE_MULT_BAND_{b}": f"{mult:g}" for b in bands},
            **{f"REFLECTANCE_ADD_BAND_{b}": f"{add:g}" for b in bands},
        },
        "LEVEL1_RADIOMETRIC_RESCALING": {
            **{f"REFLECTANCE_MULT_BAND_{b}": "2.0000E-05" for b in bands},
            **{f"REFLECTANCE_ADD_BAND_{b}": "-0.100000" for b in bands},
        },
    }


def mtl_text(groups: dict[str, dict[str, str]]) -> str:
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, values in groups.items():
        lines.append(f"  GROUP = {group}")
        lines += [
            f"    {key} = {value if value[0] in '-.0123456789' else chr(34) + value + chr(34)}"
            for key, value in values.items()
        ]
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])


QA_CLEAR, QA_CLOUD, QA_SHADOW, QA_SNOW, QA_FILL = 21_824, 22_280, 23_888, 30_048, 1


def landsat(
    folder: Path,
    kind: str = "oli",
    *,
    side: int = 16,
    metadata: str = "txt",
    without: tuple[str, ...] = (),
    seed: int = 0,
) -> Path:
    """A Landsat Collection 2 Level-2 folder of `side` × `side` pixels of 30 m."""
    product = LANDSAT[kind]
    root = folder / product
    for number, band in enumerate(L_BANDS[kind]):
        data = numbers(seed + number, side) + np.uint16(7_000)
        data[-1, -1] = 0  # fill
        if f"SR_B{band}" not in without:
            raster(root / f"{product}_SR_B{band}.TIF", data, 30, nodata=0)
    raster(root / f"{product}_SR_B1.TIF", numbers(9, side), 30, nodata=0) if kind == "oli" else None
    raster(root / f"{product}_ST_B10.TIF", numbers(8, side), 30, nodata=0)
    qa = np.full((side, side), QA_CLEAR, dtype="uint16")
    qa[0, :3] = QA_CLOUD, QA_SHADOW, QA_SNOW
    qa[-1, -1] = QA_FILL
    radsat = np.zeros((side, side), dtype="uint16")
    radsat[1, :3] = 1 << 3, 1 << 0, 1 << 11  # OLI: red, the unused coastal band, terrain
    for layer, data in {"QA_PIXEL": qa, "QA_RADSAT": radsat}.items():
        if layer not in without:
            raster(root / f"{product}_{layer}.TIF", data, 30)
    groups = mtl(kind)
    if metadata == "txt":
        (root / f"{product}_MTL.txt").write_text(mtl_text(groups))
    elif metadata == "json":
        text = json.dumps({"LANDSAT_METADATA_FILE": groups})
        (root / f"{product}_MTL.json").write_text(text)
    return root


def tarred(folder: Path, target: Path) -> Path:
    """A tar of the files of a folder, without the folder, as USGS delivers it."""
    with tarfile.open(target, "w") as out:
        for file in sorted(folder.iterdir()):
            out.add(file, file.name)
    return target
