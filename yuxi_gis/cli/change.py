"""``yuxi-gis change``: find change between two scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import Console, common_options, output_options, privacy_options
from yuxi_gis.cli._reading import read_sources, reading_options, with_geometry

if TYPE_CHECKING:
    from yuxi_gis.change import ChangeResult
    from yuxi_gis.codes import Masking
    from yuxi_gis.read import Options


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "change",
        help=t(
            "比较前后两期影像，找出变化图斑及每个地块的变化面积。",
            "Compare two scenes: changed patches, and the changed area of every parcel.",
        ),
    )
    @click.argument("before", metavar="BEFORE")
    @click.argument("after", metavar="AFTER")
    @click.option(
        "--parcels",
        multiple=True,
        metavar="SRC",
        help=t("地块图层，可多次给出。", "Parcel layers; may be repeated."),
    )
    @output_options(
        console,
        "输出文件夹：change.tif、patches.gpkg、parcels.gpkg。",
        "Folder for change.tif, patches.gpkg, parcels.gpkg.",
        required=True,
        metavar="DIR",
    )
    @reading_options(console)
    @privacy_options(console)
    @common_options(console)
    def change(
        before: str,
        after: str,
        parcels: tuple[str, ...],
        reading: Options,
        output: str,
        overwrite: bool,
        masking: Masking,
        **common: Any,
    ) -> None:
        from yuxi_gis.change import OWNS, detect_change
        from yuxi_gis.outputs import refuse_existing

        console.set(**common)
        refuse_existing(output, overwrite=overwrite)
        outputs = [Path(output) / name for name in OWNS]
        layers = None
        if parcels:
            layers = with_geometry(console, read_sources(console, parcels, reading, outputs))
        result = detect_change(
            before,
            after,
            output,
            parcels=layers,
            masking=masking,
            overwrite=overwrite,
            progress=console.progress,
        )
        if layers is not None:
            console.note(masking.text("zh"), masking.text("en"))
        if console.json:
            console.print_json(result.report)
        else:
            show(console, result, Path(output))

    return change


def show(console: Console, result: ChangeResult, folder: Path) -> None:
    """The patches and parcels by kind, and where they are."""
    t = console.t
    for zh, en in result.notes:
        console.note(zh, en)
    seen, clouded, changed = (
        f"{share:.1%}" for share in (result.seen_share, result.clouded_share, result.changed_share)
    )
    console.say(
        t(
            f"两期都看得见的部分 {seen}，云和云影 {clouded}；看得见的部分中变化的像元 {changed}",
            f"seen in both scenes {seen}, cloud and shadow {clouded}; of what is seen, changed "
            f"{changed}",
        )
    )
    console.say(t("疑似变化图斑（按类型）：", "Suspected change, patches by kind:"))
    show_kinds(console, result.patches, "MJ")
    console.say(
        t(
            f"另有 {result.dropped} 个图斑小于最小上图面积，未列出",
            f"{result.dropped} more patches are smaller than the survey maps, not listed",
        )
    )
    if result.parcels is not None:
        console.say(t("涉及变化的地块（按类型）：", "Changed parcels by kind:"))
        show_kinds(console, result.parcels, "changed_m2")
    console.say(t(f"结果在 {folder}", f"Results are in {folder}"))


def show_kinds(console: Console, frame: Any, area: str) -> None:
    """Count and area by layer and kind; what may be only the season is one line of its own."""
    from yuxi_gis.catalog import load_catalog
    from yuxi_gis.change import KINDS
    from yuxi_gis.units import to_mu

    t = console.t
    maybe = t(
        "可能只是季节变化（收割、播种、轮作）",
        "possibly only the season (harvest, sowing, rotation)",
    )
    kinds = frame["kind"].map({kind.id: t(kind.zh, kind.en) for kind in KINDS})
    by = [frame["seasonal"], kinds.where(~frame["seasonal"], maybe)]
    if "layer" in frame:
        titles = {spec.id: spec.title(console.lang) for spec in load_catalog().values()}
        by.insert(0, frame["layer"].replace(titles))
    console.table(
        [
            (
                *[key for key in keys if isinstance(key, str)],
                len(rows),
                f"{to_mu(float(rows[area].sum())):,.1f} {t('亩', 'mu')}",
            )
            for keys, rows in frame[frame[area] > 0].groupby(by, sort=True)
        ]
    )
