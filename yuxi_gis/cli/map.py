"""``yuxi-gis map``: one offline HTML map, or one for each township."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import (
    Console,
    common_options,
    output_options,
    privacy_options,
    source_argument,
)
from yuxi_gis.cli._reading import read_sources, reading_options, with_geometry
from yuxi_gis.errors import ParameterError

if TYPE_CHECKING:
    from yuxi_gis.change import ChangeResult
    from yuxi_gis.codes import Masking
    from yuxi_gis.read import Options

_MB = 1_000_000
_HOUSEHOLDS = ("contract_parcel", "contractor")


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "map",
        help=t(
            "生成一个可离线打开的 HTML 地图：图层、检查结果；给出两期影像时还有变化图斑。",
            "Make one HTML map that opens offline: layers and findings; with two scenes, change.",
        ),
    )
    @source_argument
    @click.option("--before", metavar="R", help=t("前时相影像。", "Scene before."))
    @click.option("--after", metavar="R", help=t("后时相影像。", "Scene after."))
    @output_options(
        console,
        "输出的 HTML 文件；用 --split 时为文件夹。",
        "The HTML file; with --split a folder.",
        required=True,
        metavar="OUT",
    )
    @click.option("--title", metavar="TEXT", help=t("地图标题。", "Title of the map."))
    @click.option(
        "--split",
        type=click.Choice(["town", "village", "county"]),
        help=t(
            "每个乡镇（或村、县）一页，另有索引页 index.html。",
            "A page for each town (or village, county), and an index page.",
        ),
    )
    @click.option(
        "--simplify",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="METRES",
        help=t(
            "简化所绘图形的容差（米），默认不简化；检查不受影响。",
            "Simplify the drawing by metres (default: not); checks are not affected.",
        ),
    )
    @click.option(
        "--max-size",
        type=click.FloatRange(min=0, min_open=True),
        default=30.0,
        metavar="MB",
        help=t(
            "页面超过此大小时先提示（默认 30）；超过 200 MB 且超过此值时不写出。",
            "Tell the size of a page above this before it is written (default 30); above 200 MB "
            "and this it is not written.",
        ),
    )
    @click.option(
        "--basemap",
        "basemaps",
        multiple=True,
        metavar="WORD",
        help=t(
            "底图，可多次给出，默认没有：tianditu、tianditu-vec（密钥见环境变量 "
            "YUXI_TIANDITU_KEY）、gaode、含 {z}/{x}/{y} 的地址（末尾可加级别 #8-16）、WMTS 地址、"
            ".mbtiles 或 .pmtiles 文件。",
            "Basemap, may be repeated; none by default: tianditu, tianditu-vec (key in "
            "YUXI_TIANDITU_KEY), gaode, an address with {z}/{x}/{y} (levels as #8-16 at its end), "
            "a WMTS address, an .mbtiles or .pmtiles file.",
        ),
    )
    @reading_options(console)
    @privacy_options(console)
    @common_options(console)
    def map_(
        sources: tuple[str, ...],
        reading: Options,
        before: str | None,
        after: str | None,
        output: str,
        split: str | None,
        max_size: float,
        overwrite: bool,
        masking: Masking,
        title: str | None,
        simplify: float,
        basemaps: tuple[str, ...],
        **common: Any,
    ) -> None:
        from yuxi_gis.outputs import refuse_existing

        console.set(**common)
        _check_output(output, split)
        refuse_existing(output, overwrite=overwrite)
        read = read_sources(console, sources, reading, [Path(output)])
        layers = with_geometry(console, read, beside=_HOUSEHOLDS)
        content: dict[str, Any] = {"before": before, "after": after, "title": title}
        content |= {"masking": masking, "lang": console.lang}
        content |= {"simplify": simplify, "basemaps": basemaps}
        content |= _results(console, layers, before, after)
        written = {"overwrite": overwrite, "note": console.note}
        written["note_above"] = round(max_size * _MB)
        # Tables tell the households of the parcels.
        index, pages = _write(console, output, read, split, **written, **content)
        console.note(masking.text("zh"), masking.text("en"))
        _report(console, index, pages, layers)

    return map_


def _check_output(output: str, split: str | None) -> None:
    page = Path(output).suffix.lower() in (".html", ".htm")
    if split is None and not page:
        raise ParameterError(f"{output}：地图的后缀应为 .html。", f"{output}: a map ends in .html.")
    if split is not None and page:
        raise ParameterError(
            f"{output}：--split 写出多个网页，-o 应为文件夹名。",
            f"{output}: --split writes several pages, -o names a folder.",
        )


def _results(
    console: Console, layers: dict[str, Any], before: str | None, after: str | None
) -> dict[str, Any]:
    """What the checks find, and the change where both scenes are given."""
    from yuxi_gis.checks import run_checks

    if (before is None) != (after is None):
        console.note(
            "只给了一期影像：地图上没有变化图斑。", "only one scene given: the map has no change."
        )
    results: dict[str, Any] = {"findings": run_checks(layers, progress=console.progress).findings}
    change = _change(console, layers, before, after)
    if change is not None:
        results |= {"patches": change.patches, "changed_parcels": change.parcels}
        results["shift"] = change.shift
        for zh, en in change.notes:
            console.note(zh, en)
    return results


def _change(
    console: Console, layers: dict[str, Any], before: str | None, after: str | None
) -> ChangeResult | None:
    """Change between the two scenes, where both are given; its files are not kept."""
    if before is None or after is None:
        return None
    from yuxi_gis.change import detect_change

    with tempfile.TemporaryDirectory() as folder:
        return detect_change(
            before, after, Path(folder) / "change", parcels=layers, progress=console.progress
        )


def _write(
    console: Console, output: str, layers: dict[str, Any], split: str | None, **content: Any
) -> tuple[Path, list[Path]]:
    """The page to open, and all pages."""
    from yuxi_gis.export.webmap import write_map
    from yuxi_gis.export.webmap.split import write_town_maps

    if split is None:
        console.progress("写出地图", "writing the map", 0.0)
        path = write_map(output, layers, **content)
        console.progress("完成", "done", 1.0)
        return path, [path]
    maps = write_town_maps(output, layers, level=split, progress=console.progress, **content)
    console.progress("完成", "done", 1.0)
    return maps.index, [maps.index, *(maps.index.with_name(page.file) for page in maps.pages)]


def _report(console: Console, index: Path, pages: list[Path], layers: dict[str, Any]) -> None:
    """Say what was written."""
    size = sum(path.stat().st_size for path in pages)
    if console.json:
        facts = {"map": str(index), "bytes": size, "layers": len(layers)}
        facts |= {"features": sum(map(len, layers.values())), "pages": [p.name for p in pages]}
        console.print_json(facts)
        return
    many = len(pages) > 1
    zh = f"（{len(pages)} 页，共 {size / _MB:.1f} MB）" if many else f"（{size / _MB:.1f} MB）"
    en = f" ({len(pages)} pages, {size / _MB:.1f} MB)" if many else f" ({size / _MB:.1f} MB)"
    console.say(console.t(f"已写出 {index}{zh}", f"wrote {index}{en}"))
