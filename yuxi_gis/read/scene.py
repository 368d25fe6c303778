"""Scenes: what a raster file or a satellite product is, told without reading its pixels.

Examples
--------
>>> scene = open_scene("S2A_MSIL2A_20240305T033531_N0510_R061_T48RSN.SAFE")  # doctest: +SKIP
>>> scene.band("nir"), scene.scale, scene.offset                            # doctest: +SKIP
(4, 0.0001, -0.1)
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from yuxi_gis.errors import SceneError
from yuxi_gis.read.bands import chosen_roles
from yuxi_gis.read.container import Container, open_container
from yuxi_gis.read.landsat import read_landsat
from yuxi_gis.read.plain import describe
from yuxi_gis.read.product import Product
from yuxi_gis.read.quality import Quality, scheme_of
from yuxi_gis.read.safe import read_safe
from yuxi_gis.read.sensors import find_sensor
from yuxi_gis.read.stac import read_stac
from yuxi_gis.read.stack import stack
from yuxi_gis.read.table import Decision
from yuxi_gis.read.zip_entries import shown

__all__ = ["Scene", "open_scene"]

#: Readers of products of many files, in the order in which they look.
_PRODUCTS: tuple[Callable[[Container], Product | None], ...] = (read_safe, read_landsat)
_RASTER = r"[^/]*\.(tiff?|img|vrt|jp2)"
_BESIDE = re.compile(r"MTD_MSIL(1C|2A)\.xml|.*_MTL\.(txt|json)", re.IGNORECASE)


@dataclass(frozen=True)
class Scene:
    """What a scene says of itself; holds no pixels and no open file.

    Attributes
    ----------
    path : str
        As given to `open_scene`.
    crs : rasterio.crs.CRS
    transform : affine.Affine
        Pixel (column, row) to map coordinates.
    width, height : int
        Pixels.
    dtype : str
        Of the stored numbers.
    nodata : float or None
        Declared value of pixels without data.
    names : tuple of str
        Band descriptions (``band 1`` … where there are none).
    roles : tuple of (str or None)
        ``coastal blue green red rededge nir swir1 swir2``, ``quality``, or None where not known.
        A role occurs once: of two near-infrared bands the first has it.
    scale, offset : float or None
        ``reflectance = number × scale + offset``; None where the file does not say.
    date : str or None
        ``YYYY-MM-DD`` from the metadata or the file name.
    sensor : str or None
        What took it, where that is known.
    quality : Quality or None
        Where the product itself says that the ground was not seen.
    by_user : bool
        Whether the user gave the roles; bands without one are then not used.
    decisions : tuple of Decision
        What was decided of ``sensor``, ``bands``, ``reflectance`` and ``quality``, and why.
    source : str
        What rasterio opens: the path, or the text of a VRT of many files.
    files : tuple of str
        The files that `sha256` covers.
    """

    path: str
    crs: CRS
    transform: Affine
    width: int
    height: int
    dtype: str
    nodata: float | None
    names: tuple[str, ...]
    roles: tuple[str | None, ...]
    scale: float | None
    offset: float | None
    date: str | None
    sensor: str | None = None
    quality: Quality | None = None
    by_user: bool = False
    decisions: tuple[Decision, ...] = ()
    source: str = field(default="", repr=False)
    files: tuple[str, ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.height, self.width

    @property
    def name(self) -> str:
        """File name without folder and ending."""
        return Path(self.path).stem

    def band(self, role: str) -> int | None:
        """1-based number of the band with this role, or None."""
        return self.roles.index(role) + 1 if role in self.roles else None

    @contextmanager
    def dataset(self) -> Iterator[rasterio.DatasetReader]:
        """One open rasterio dataset with all bands."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            opened = rasterio.open(self.source or self.path)
        with opened:
            yield opened

    def sha256(self) -> str:
        """Hash of the file's bytes (hex), or of the hashes of its files; empty for remote ones."""
        paths = [Path(name) for name in self.files or (self.path,)]
        if not all(path.is_file() for path in paths):
            return ""
        hashes = []
        for path in paths:
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def open_scene(path: str | os.PathLike[str], bands: Mapping[str, int] | None = None) -> Scene:
    """Look at a scene: a raster file, or a satellite product of many files.

    Parameters
    ----------
    path : str or path
        What GDAL reads (GeoTIFF, COG, ENVI …), among it multispectral files of Gaofen and
        Ziyuan; the folder or zip of a Sentinel-2 L2A product (SAFE); the folder or tar of a
        Landsat Collection 2 Level-2 product; a STAC item (a local ``.json``). Products of many
        files become one raster on their finest grid; nothing is written.
    bands : mapping of role to int, optional
        The user's word: ``{"red": 3, "nir": 4}``, numbers from 1. Bands not named have no role.

    Raises
    ------
    SceneError
        The scene is missing, unreadable, not whole, not of the ground, or has no CRS or
        georeference.
    ParameterError
        `bands` names a role or a band that there is not.
    """
    path = os.fspath(path)
    where = _place(path)
    product = _product(path, where)
    if product is None:
        source, files = _single(path, where)
    elif product.doubt is not None and not bands:
        raise product.doubt
    elif not product.parts:
        raise product.doubt or _nothing(path)
    else:
        source, files = stack(product.parts), _files(where, product)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(source) as data:
                _require_place(path, data)
                product = product or describe(source, data)
                scene = _scene(path, source, data, product)
    except RasterioError as error:
        raise SceneError(
            f"{path}：无法读取为影像。请确认它是完整的 GeoTIFF 或 ENVI 等栅格文件。",
            f"{path}: cannot be read as a raster. Check that it is a whole GeoTIFF, ENVI or "
            "other raster file.",
        ) from error
    scene = replace(scene, source=source, files=files)
    return _decided(_chosen(scene, bands) if bands else scene, product, bool(bands))


def _place(path: str) -> str:
    """Where to look: the product's folder for its metadata file, the data file for a ``.hdr``."""
    if "://" in path or path.startswith("/vsi"):
        return path
    if not Path(path).exists():
        raise SceneError(
            f"{path}：找不到影像文件。请检查路径。",
            f"{path}: no such scene file. Check the path.",
        )
    if _BESIDE.fullmatch(Path(path).name):
        return str(Path(path).parent)
    if path.lower().endswith(".hdr"):
        beside = (Path(path).with_suffix(ending) for ending in ("", ".img", ".dat", ".bsq"))
        return next((str(data) for data in beside if data.is_file()), path)
    return path


def _product(path: str, where: str) -> Product | None:
    """The satellite product of many files, or None for a single raster."""
    if where.lower().endswith((".json", ".geojson")):
        return read_stac(where)
    files = None if "://" in where or where.startswith("/vsi") else open_container(where)
    if files is None:
        return None
    return next((found for read in _PRODUCTS if (found := read(files)) is not None), None)


def _single(path: str, where: str) -> tuple[str, tuple[str, ...]]:
    """The raster to open: the file itself, or the only one in a folder or archive."""
    files = None if "://" in where or where.startswith("/vsi") else open_container(where)
    if files is None:
        return where, (where,)
    rasters = [name for name in files.find(_RASTER) if "/vsi" not in name]
    multispectral = [
        name
        for name in rasters
        if find_sensor(name.rpartition("/")[2], "one") and not re.search(r"[-_]PAN\d?[._]", name)
    ]
    chosen = multispectral or rasters
    if len(chosen) != 1:
        raise _nothing(path) if not chosen else _many(path, chosen)
    local = files.full(chosen[0])
    return local, (local if Path(where).is_dir() else where,)


def _nothing(path: str) -> SceneError:
    return SceneError(
        f"{path}：里面没有可识别的影像。可用：GeoTIFF/ENVI 等栅格文件、Sentinel-2 L2A（SAFE）文件夹"
        "或 zip、Landsat Collection 2 Level-2 文件夹或 tar、STAC 条目（.json）。",
        f"{path}: holds no scene that is known. Give a raster file (GeoTIFF, ENVI …), the folder "
        "or zip of a Sentinel-2 L2A product (SAFE), the folder or tar of a Landsat Collection 2 "
        "Level-2 product, or a STAC item (.json).",
    )


def _many(path: str, names: list[str]) -> SceneError:
    first = shown(names[0])
    return SceneError(
        f"{path}：里面有 {len(names)} 个栅格文件（如 {first}），"
        "不知道用哪一个。请直接指定其中一个文件。",
        f"{path}: holds {len(names)} raster files (such as {first}) and no known product. Give "
        "the one to use.",
    )


def _files(where: str, product: Product) -> tuple[str, ...]:
    """The local files of a product: its archive, or those that hold its bands."""
    if Path(where).is_file() and not where.lower().endswith((".json", ".geojson")):
        return (where,)
    layers = () if product.quality is None else product.quality.layers
    own = (where,) if Path(where).is_file() else ()
    return (*own, *dict.fromkeys((*(p.path for p in product.parts), *(q.path for q in layers))))


def _require_place(path: str, data: rasterio.DatasetReader) -> None:
    if any(dtype.startswith("complex") for dtype in data.dtypes):
        raise SceneError(
            f"{path}：影像是复数类型（雷达单视复数？），不能比较。请先转换为强度影像。",
            f"{path}: the scene holds complex numbers (single-look radar?) and cannot be compared. "
            "Convert it to intensity first.",
        )
    if (data.crs is None or data.transform.is_identity) and data.rpcs is not None:
        raise SceneError(
            f"{path}：影像只有 RPC 参数，还没有正射校正（如高分一级产品）。请先正射校正"
            "（如 gdalwarp -rpc -to RPC_DEM=dem.tif）。",
            f"{path}: the scene has only RPCs and is not orthorectified yet (a Gaofen level 1 "
            "product?). Orthorectify it first (for example gdalwarp -rpc -to RPC_DEM=dem.tif).",
        )
    if data.crs is None:
        raise SceneError(
            f"{path}：影像没有坐标系。请先为它指定坐标系（如 gdal_edit.py -a_srs EPSG:4543）。",
            f"{path}: the scene has no CRS. Give it one first "
            "(for example gdal_edit.py -a_srs EPSG:4543).",
        )
    if data.transform.is_identity:
        raise SceneError(
            f"{path}：影像没有地理参考（仿射变换）。请先做几何校正或补上坐标文件。",
            f"{path}: the scene has no georeference (affine transform). Georeference it first "
            "or add its world file.",
        )


def _scene(path: str, source: str, data: rasterio.DatasetReader, product: Product) -> Scene:
    return Scene(
        path=path,
        crs=data.crs,
        transform=data.transform,
        width=data.width,
        height=data.height,
        dtype=data.dtypes[0],
        nodata=data.nodata,
        names=tuple(text or f"band {i}" for i, text in enumerate(data.descriptions, 1)),
        roles=product.roles,
        scale=product.scaling.scale,
        offset=product.scaling.offset,
        date=product.date,
        sensor=product.found.value or None,
        quality=product.quality,
    )


def _chosen(scene: Scene, bands: Mapping[str, int]) -> Scene:
    """The scene with the roles that the user gives."""
    roles = chosen_roles(scene.path, bands, scene.names)
    scene = replace(scene, by_user=True)
    if "quality" not in roles:
        return replace(scene, roles=roles)
    number = roles.index("quality") + 1
    scheme = scheme_of(scene.names[number - 1])
    if scheme is None:
        raise SceneError(
            f"{scene.path}：第 {number} 波段的编码方案未知，不能用作质量波段。"
            "请把波段说明写成 SCL、QA_PIXEL 或 cloud mask（0 为可见，其余为遮挡）。",
            f"{scene.path}: what the numbers of band {number} mean is not known, so it cannot be "
            "the quality band. Describe the band as SCL, QA_PIXEL or cloud mask (0 seen, else "
            "hidden).",
        )
    return replace(scene, roles=roles, quality=Quality(scene.source, number, scheme))


def _decided(scene: Scene, product: Product, by_user: bool) -> Scene:
    """The scene with what was decided of it."""
    roles = " ".join(f"{role}={i}" for i, role in enumerate(scene.roles, 1) if role)
    zh, en, sure = ("用户指定", "given by the user", "certain") if by_user else product.told
    scaling = product.scaling
    reflectance = "-" if scaling.scale is None else f"× {scaling.scale:g} {scaling.offset:+g}"
    schemes = [] if scene.quality is None else [layer.scheme for layer in scene.quality.layers]
    masked = ("产品的质量波段", "the product's quality band", "certain")
    unmasked = (
        "没有质量波段，云和阴影由程序检测",
        "no quality band; clouds and shadows are looked for in the bands",
        "high",
    )
    decisions = (
        product.found,
        Decision("bands", roles or "-", zh, en, sure),
        Decision("reflectance", reflectance, scaling.zh, scaling.en, scaling.confidence),
        Decision("quality", " + ".join(schemes) or "-", *(masked if schemes else unmasked)),
    )
    return replace(scene, decisions=decisions)
