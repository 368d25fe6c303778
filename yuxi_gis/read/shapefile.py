"""Is a shapefile whole? GDAL reads damaged ones without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yuxi_gis.errors import SourceError

__all__ = ["require_whole"]

_HEADER = 100


def require_whole(path: Path) -> None:
    """Raise `SourceError` unless the parts of a shapefile are there and agree.

    Looked at (ESRI Shapefile Technical Description, 1998): the file code 9994 and the file length
    in the headers of .shp and .shx, the place and number of every record in both, and the number
    of records in the .dbf.

    Parameters
    ----------
    path : Path
        The ``.shp`` file.

    Raises
    ------
    SourceError
        Says which part is missing or damaged and what to do.
    """
    shx, dbf = _partner(path, ".shx"), _partner(path, ".dbf")
    main, index = path.read_bytes(), shx.read_bytes()
    for part, data in ((path, main), (shx, index)):
        if len(data) < _HEADER or int.from_bytes(data[:4], "big") != 9994:
            raise _damaged(part, "文件头不是 shapefile", "it does not begin as a shapefile")
        declared = int.from_bytes(data[24:28], "big") * 2
        if declared != len(data):
            raise _damaged(
                part,
                f"文件有 {len(data)} 字节，文件头写的是 {declared} 字节",
                f"it has {len(data)} bytes, its header says {declared}",
            )
    records = np.frombuffer(index, ">i4", offset=_HEADER, count=(len(index) - _HEADER) // 4)
    records = records.reshape(-1, 2).astype("int64") * 2
    _compare_records(path, main, records)
    rows = int.from_bytes(dbf.read_bytes()[4:8], "little")
    if rows != len(records):
        raise _damaged(
            dbf,
            f".dbf 有 {rows} 行属性，.shp 有 {len(records)} 个图形",
            f"the .dbf has {rows} rows, the .shp {len(records)} shapes",
        )


def _compare_records(path: Path, main: bytes, records: np.ndarray) -> None:
    """Every record of the index must start inside the .shp with the same length there."""
    start, length = records[:, 0], records[:, 1]
    outside = (start < _HEADER) | (start + 8 + length > len(main))
    if outside.any():
        row = int(np.argmax(outside)) + 1
        raise _damaged(
            path, f"第 {row} 个图形超出文件末尾", f"shape {row} reaches past the end of the file"
        )
    at = (start + 4)[:, None] + np.arange(4)
    in_file = np.frombuffer(main, "u1")[at].copy().view(">i4").ravel().astype("int64") * 2
    if (in_file != length).any():
        row = int(np.argmax(in_file != length)) + 1
        raise _damaged(
            path,
            f"第 {row} 个图形与索引（.shx）不一致",
            f"shape {row} does not agree with the index (.shx)",
        )


def _partner(path: Path, suffix: str) -> Path:
    for name in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if name.exists():
            return name
    raise SourceError(
        f"{path}：缺少同名的 {suffix} 文件。请把 .shp、.shx、.dbf、.prj 一起拷贝到同一文件夹。",
        f"{path}: its {suffix} file is missing. Copy .shp, .shx, .dbf and .prj together.",
    )


def _damaged(path: Path, zh: str, en: str) -> SourceError:
    return SourceError(
        f"{path}：shapefile 已损坏，{zh}。请重新拷贝或重新导出该数据。",
        f"{path}: the shapefile is damaged, {en}. Copy or export it again.",
    )
