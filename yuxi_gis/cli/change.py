"""``yuxi-gis change``: find change between two scenes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import Console, common_options, output_options, privacy_options
from yuxi_gis.cli._reading import read_sources, reading_options, with_geometry
from yuxi_gis.errors import ParameterError

if TYPE_CHECKING:
    from yuxi_gis.change import ChangeResult
    from yuxi_gis.codes import Masking
    from yuxi_gis.read import Options
    from yuxi_gis.read.raster import Scene

_METHODS = ("difference", "cva", "mad", "irmad", "isfa")
_METHOD = "irmad"
_CHIPS = 100  # patches with pictures, where no number is given
_TITLES = {
    "sensor": ("传感器", "sensor"),
    "bands": ("波段", "bands"),
    "reflectance": ("反射率", "reflectance"),
    "quality": ("质量波段", "quality band"),
}


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
    @click.option(
        "--bands",
        metavar="ROLE=N,...",
        help=t(
            "各波段是什么，代替判定结果，如 red=3,nir=4。",
            "What the bands are, in place of what was found: red=3,nir=4.",
        ),
    )
    @click.option(
        "--bands-after",
        metavar="ROLE=N,...",
        help=t("后时相的波段与前时相不同时。", "The same for AFTER, where it differs."),
    )
    @click.option(
        "--method",
        type=click.Choice(_METHODS),
        default=_METHOD,
        show_default=True,
        help=t("变化检测方法。", "Method of change detection."),
    )
    @click.option(
        "--schema",
        type=click.Choice(["jctb"]),
        help=t(
            "另写监测图斑（JCTB）字段的 jctb.gpkg、jctb.shp。",
            "Also write jctb.gpkg and jctb.shp in the official fields of monitoring patches.",
        ),
    )
    @click.option(
        "--chips",
        metavar="[N]",
        type=click.IntRange(min=0),
        is_flag=False,
        flag_value=_CHIPS,
        default=0,
        help=t(
            f"最大的 N 个图斑（不写为 {_CHIPS}）的前后对比图 chips/ 和外业核实表 field.xlsx。",
            f"Pictures before | after of the N ({_CHIPS}) largest patches in chips/, and field.xlsx"
            " with them for field work.",
        ),
    )
    @click.option(
        "--resume",
        is_flag=True,
        help=t("接着上次中断的运行。", "Go on where an interrupted run stopped."),
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
        bands: str | None,
        bands_after: str | None,
        method: str,
        schema: str | None,
        chips: int,
        resume: bool,
        reading: Options,
        output: str,
        overwrite: bool,
        masking: Masking,
        **common: Any,
    ) -> None:
        from yuxi_gis.export.change_outputs import Wanted, write_change_outputs
        from yuxi_gis.outputs import refuse_existing

        console.set(**common)
        refuse_existing(output, overwrite=overwrite)
        told = _engine_options(bands, bands_after, method, resume)
        scenes = _scenes(console, (before, after), told)
        layers = _layers(console, parcels, reading, Path(output))
        result = _detect(console, (before, after), output, layers, masking, overwrite, told)
        shown = write_change_outputs(
            output,
            result.patches,
            *scenes,
            Wanted(jctb=schema == "jctb", chips=chips),
            layers=layers,
            shift=result.shift,
            lang=console.lang,
            masking=masking,
        )
        if layers is not None:
            console.note(masking.text("zh"), masking.text("en"))
        if console.json:
            console.print_json(result.report | {"scenes": _as_json(scenes), "chips": shown})
        else:
            show(console, result, Path(output))
            _show_chips(console, shown, len(result.patches))

    return change


def parse_bands(text: str) -> dict[str, int]:
    """``red=3,nir=4`` as band numbers by role.

    Raises
    ------
    ParameterError
        The text is not of that form, or names a role twice.
    """
    from yuxi_gis.findings import printable

    pairs = [part.partition("=") for part in text.replace("，", ",").split(",")]
    bands = {
        role.strip().lower(): int(number)
        for role, _, number in pairs
        if role.strip() and re.fullmatch("[1-9][0-9]{0,3}", number.strip())
    }
    if len(bands) < len(pairs):
        raise ParameterError(
            f"--bands {printable(text)}：应为“波段=序号”，用逗号分开，序号从 1 起，"
            "如 red=3,nir=4。",
            f"--bands {printable(text)}: give role=number with commas between, numbers from 1, "
            "as in red=3,nir=4.",
        )
    return bands


def _engine_options(
    bands: str | None, bands_after: str | None, method: str, resume: bool
) -> dict[str, Any]:
    """What the user says of the detection that is not its default."""
    told: dict[str, Any] = {}
    if bands is not None:
        told["bands"] = parse_bands(bands)
    if bands_after is not None:
        told["bands_after"] = parse_bands(bands_after)
    if method != _METHOD:
        told["method"] = method
    if resume:
        told["resume"] = True
    return told


def _scenes(console: Console, paths: tuple[str, str], told: dict[str, Any]) -> tuple[Scene, Scene]:
    """Both scenes; what was decided of them is noted."""
    from yuxi_gis.read.raster import open_scene

    bands = told.get("bands")
    before, after = (
        open_scene(path, named)
        for path, named in zip(paths, (bands, told.get("bands_after", bands)), strict=True)
    )
    for scene, zh, en in ((before, "前时相", "before"), (after, "后时相", "after")):
        for made in scene.decisions:
            titles = _TITLES.get(made.what, (made.what, made.what))
            console.note(
                f"{zh}{titles[0]}：{made.value or '-'}（{made.zh}）",
                f"{en}, {titles[1]}: {made.value or '-'} ({made.en})",
            )
    return before, after


def _layers(
    console: Console, parcels: tuple[str, ...], reading: Options, folder: Path
) -> dict[str, Any] | None:
    """The parcel layers, where there are any; none of them may be an output."""
    from yuxi_gis.change import OWNS
    from yuxi_gis.export.change_outputs import OWNS as MORE

    if not parcels:
        return None
    outputs = [folder / name for name in (*OWNS, *MORE)]
    return with_geometry(console, read_sources(console, parcels, reading, outputs))


def _detect(
    console: Console,
    scenes: tuple[str, str],
    output: str,
    layers: dict[str, Any] | None,
    masking: Masking,
    overwrite: bool,
    told: dict[str, Any],
) -> ChangeResult:
    from yuxi_gis.change import detect_change

    return detect_change(
        *scenes,
        output,
        parcels=layers,
        masking=masking,
        overwrite=overwrite,
        progress=console.progress,
        **told,
    )


def _as_json(scenes: tuple[Scene, Scene]) -> list[dict[str, Any]]:
    """What the scenes are, for scripts."""
    return [
        {
            "path": scene.path,
            "date": scene.date,
            "sensor": scene.sensor,
            "roles": list(scene.roles),
        }
        for scene in scenes
    ]


def _show_chips(console: Console, shown: list[str], count: int) -> None:
    if not shown:
        return
    console.say(
        console.t(
            f"前后对比图 chips/ 和外业核实表 field.xlsx：{len(shown)} 个图斑（共 {count} 个，"
            "先实际变化、后可能的季节变化，各按面积从大到小）",
            f"Pictures in chips/ and field.xlsx: {len(shown)} patches of {count} (real change "
            "first, then what may be the season, each by size)",
        )
    )


def show(console: Console, result: ChangeResult, folder: Path) -> None:
    """The patches and parcels by kind, and where they are."""
    t = console.t
    for zh, en in ((result.registration.zh, result.registration.en), *result.notes):
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
            f"另有 {result.dropped} 个图斑小于最小上图面积或不足 4 个像元，未列出",
            f"{result.dropped} more patches are smaller than the survey maps or than 4 pixels, "
            "not listed",
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
