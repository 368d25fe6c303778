"""``yuxi-gis demo``: the main job on the sample village."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli import change as change_command
from yuxi_gis.cli._base import Console, common_options, privacy_options
from yuxi_gis.cli.check import show_counts

if TYPE_CHECKING:
    from yuxi_gis.codes import Masking


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "demo",
        help=t(
            "在虚构的示例村上走一遍主要流程，并说明打开哪些文件。",
            "Do the main job on an invented sample village, then say what to open.",
        ),
    )
    @click.argument("folder", metavar="[DIR]", default="yuxi-demo")
    @click.option(
        "--overwrite", is_flag=True, help=t("覆盖已有的输出。", "Replace existing output.")
    )
    @privacy_options(console)
    @common_options(console)
    def demo(folder: str, overwrite: bool, masking: Masking, **common: Any) -> None:
        console.set(**common)
        result = _run(console, Path(folder), masking, overwrite=overwrite)
        if console.json:
            console.print_json(result)

    return demo


def _run(console: Console, out: Path, masking: Masking, *, overwrite: bool) -> dict[str, Any]:
    from yuxi_gis.change import detect_change
    from yuxi_gis.checks import run_checks
    from yuxi_gis.export.geopackage import write_geopackage
    from yuxi_gis.export.provenance import inputs_of
    from yuxi_gis.export.table import with_about
    from yuxi_gis.export.webmap import write_map
    from yuxi_gis.export.workbook import write_workbook
    from yuxi_gis.outputs import refuse_existing
    from yuxi_gis.read import read_layers
    from yuxi_gis.resources import folder
    from yuxi_gis.summary import totals

    refuse_existing(out, overwrite=overwrite)
    sample = folder("sample_data")
    before, after = sample / "scene_before.tif", sample / "scene_after.tif"
    console.progress("读取示例村图层", "reading the layers of the sample village", 0.0)
    layers = read_layers(sample / "village.gpkg")
    checked = run_checks(layers, progress=console.progress)
    changed = detect_change(
        before,
        after,
        out / "change",
        parcels=layers,
        masking=masking,
        overwrite=overwrite,
        progress=console.progress,
    )
    console.progress("写出 GeoPackage", "writing the GeoPackage", 0.2)
    write_geopackage(
        out / "village.gpkg",
        layers,
        findings=with_about(checked),
        patches=changed.patches,
        changed_parcels=changed.parcels,
        masking=masking,
        overwrite=overwrite,
    )
    console.progress("写出问题台账", "writing the findings workbook", 0.4)
    write_workbook(
        out / "findings.xlsx",
        checked,
        lang=console.lang,
        masking=masking,
        inputs=inputs_of(layers),
        overwrite=overwrite,
    )
    console.progress("写出地图", "writing the map", 0.6)
    write_map(
        out / "map.html",
        layers,
        findings=checked.findings,
        patches=changed.patches,
        changed_parcels=changed.parcels,
        before=before,
        after=after,
        shift=changed.shift,
        lang=console.lang,
        title=console.t("示例村（虚构）农村土地一张图", "Rural land of an invented sample village"),
        masking=masking,
        overwrite=overwrite,
    )
    console.progress("完成", "done", 1.0)
    console.note(masking.text("zh"), masking.text("en"))
    summary = totals(layers)
    _show(console, summary, checked, changed, out)
    return {
        "folder": str(out),
        "layers": summary.to_dict("records"),
        "findings": checked.findings.groupby("rule").size().to_dict(),
        "change": changed.report,
    }


def _show(console: Console, summary: Any, checked: Any, changed: Any, out: Path) -> None:
    t = console.t
    title = f"title_{console.lang}"
    console.say(t("示例村（虚构）：图层", "The sample village (invented): layers"))
    console.table(
        [
            (row[title], int(row["parcels"]), f"{row['area_mu']:,.1f} {t('亩', 'mu')}")
            for _, row in summary.iterrows()
        ]
    )
    console.say(t("检查发现的问题（按规则）", "Findings by rule"))
    show_counts(console, checked)
    console.say(t("疑似变化的地块（按类型）", "Parcels with suspected change, by kind"))
    change_command.show_kinds(console, changed.parcels, "changed_m2")
    console.say(t("请打开：", "Open:"))
    console.table(
        [
            (str(out / "map.html"), t("浏览器，可离线", "in a browser, offline")),
            (str(out / "village.gpkg"), t("QGIS，样式自动加载", "in QGIS, styled at once")),
            (str(out / "findings.xlsx"), t("问题台账", "the findings, in a spreadsheet program")),
            (str(out / "change"), t("变化影像与图斑", "the change raster and patches")),
        ]
    )
