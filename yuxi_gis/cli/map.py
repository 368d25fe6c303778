"""``yuxi-gis map``: one offline HTML map."""

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
    @output_options(console, "输出的 HTML 文件。", "The HTML file.", required=True, metavar="OUT")
    @reading_options(console)
    @privacy_options(console)
    @common_options(console)
    def map_(
        sources: tuple[str, ...],
        reading: Options,
        before: str | None,
        after: str | None,
        output: str,
        overwrite: bool,
        masking: Masking,
        **common: Any,
    ) -> None:
        from yuxi_gis.checks import run_checks
        from yuxi_gis.export.webmap import write_map
        from yuxi_gis.outputs import refuse_existing

        console.set(**common)
        if Path(output).suffix.lower() not in (".html", ".htm"):
            raise ParameterError(
                f"{output}：地图的后缀应为 .html。", f"{output}: a map ends in .html."
            )
        refuse_existing(output, overwrite=overwrite)
        if (before is None) != (after is None):
            console.note(
                "只给了一期影像：地图上没有变化图斑。",
                "only one scene given: the map has no change.",
            )
        layers = with_geometry(console, read_sources(console, sources, reading, [Path(output)]))
        findings = run_checks(layers, progress=console.progress).findings
        change = _change(console, layers, before, after)
        for zh, en in () if change is None else change.notes:
            console.note(zh, en)
        path = write_map(
            output,
            layers,
            findings=findings,
            patches=None if change is None else change.patches,
            changed_parcels=None if change is None else change.parcels,
            before=before,
            after=after,
            lang=console.lang,
            masking=masking,
            overwrite=overwrite,
        )
        console.note(masking.text("zh"), masking.text("en"))
        if console.json:
            console.print_json({"map": str(path), "bytes": path.stat().st_size})
        else:
            size = path.stat().st_size / 1e6
            console.say(t(f"已写出 {path}（{size:.1f} MB）", f"wrote {path} ({size:.1f} MB)"))

    return map_


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
