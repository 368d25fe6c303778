"""``yuxi-gis convert``: read anything, write the standard layers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import Console, common_options, privacy_options
from yuxi_gis.cli._reading import as_json, look, reading_options, report_failures
from yuxi_gis.errors import ParameterError, YuxiGisError

if TYPE_CHECKING:
    from yuxi_gis.codes import Masking
    from yuxi_gis.export.convert import Conversion, Converted
    from yuxi_gis.read import Options, Survey


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "convert",
        help=t(
            "读取任何可读的数据，写成标准图层的 GeoPackage（QGIS 可直接打开），或把一个图层写成 "
            "shapefile；行和字段都不丢。"
            "退出码：0 全部转换，2 有文件未能读取（其余照常转换）。",
            "Read anything that can be read and write the standard layers to a GeoPackage that "
            "QGIS opens, or one layer to a shapefile; no row and no field is lost. Exit code: 0 "
            "all converted, 2 some could not be read (the others are converted).",
        ),
    )
    @click.argument("paths", nargs=-1, required=True, metavar="SRC... OUT")
    @click.option(
        "--to",
        metavar="EPSG",
        help=t(
            "全部转换到此坐标系（默认各图层保持原坐标系）。",
            "Bring all layers to this CRS (default: each keeps its own).",
        ),
    )
    @click.option(
        "--write-encoding",
        type=click.Choice(["UTF-8", "GBK", "GB18030"]),
        default="UTF-8",
        show_default=True,
        help=t(
            "写 shapefile 时的文字编码；写不下的字会报错，不会丢失。",
            "Encoding of the text of a shapefile; what it cannot hold is an error, never lost.",
        ),
    )
    @click.option(
        "--overwrite", is_flag=True, help=t("覆盖已有的输出。", "Replace an existing output.")
    )
    @privacy_options(console)
    @reading_options(console)
    @common_options(console)
    def convert(
        paths: tuple[str, ...],
        to: str | None,
        write_encoding: str,
        overwrite: bool,
        masking: Masking,
        reading: Options,
        **common: Any,
    ) -> int:
        from yuxi_gis.export.convert import convert
        from yuxi_gis.outputs import refuse_existing, refuse_inputs

        console.set(**common)
        *sources, output = paths
        _require_output(sources, output)
        refuse_existing(output, overwrite=overwrite)
        found = look(console, sources, reading)
        refuse_inputs([output], {table.path for table in found.tables})
        if not found.tables:
            _print(console, found, None, list(found.failures))
            return report_failures(console, list(found.failures))
        done = convert(
            found.tables,
            output,
            to=to,
            masking=masking,
            encoding=write_encoding,
            overwrite=overwrite,
            progress=console.progress,
        )
        console.note(masking.text("zh"), masking.text("en"))
        failures = [*found.failures, *done.failures]
        _print(console, found, done, failures)
        _show(console, done)
        return report_failures(console, failures)

    return convert


def _print(
    console: Console, found: Survey, done: Conversion | None, failures: list[YuxiGisError]
) -> None:
    """The account as one JSON object."""
    if console.json:
        console.print_json(
            {
                "output": None if done is None else str(done.path),
                "tables": [] if done is None else [asdict(table) for table in done.tables],
                "failures": as_json(failures),
                "ignored": [{"name": n, "zh": zh, "en": en} for n, zh, en in found.ignored],
            }
        )


def _require_output(sources: list[str], output: str) -> None:
    if not sources or Path(output).suffix.lower() not in (".gpkg", ".shp"):
        raise ParameterError(
            "最后一个参数应是输出文件，后缀为 .gpkg 或 .shp，例如 convert DK.shp DK.gpkg"
            f"（现在是 {output}）。",
            "The last argument is the output and ends in .gpkg or .shp, as in "
            f"convert DK.shp DK.gpkg (it is {output}).",
        )


def _show(console: Console, done: Conversion) -> None:
    t = console.t
    for table in done.tables:
        sources = t("；", "; ").join(f"{name} ({rows})" for name, rows in table.sources.items())
        console.say(
            f"{table.table}  {table.layer or t('未识别，原样写出', 'not recognised, as is')}"
        )
        console.table(_rows(console, table, sources))
        for made in table.decisions:
            if made["what"] == "datum":
                console.say(f"  {made['value']} ({made[console.lang]})")
        marks = {"error": t("错误：", "error: "), "warning": t("警告：", "warning: ")}
        for note in table.notes:
            console.say("  " + marks.get(note["severity"], "") + note[console.lang])
    console.say(t(f"已写出 {done.path}", f"wrote {done.path}"))


def _rows(console: Console, table: Converted, sources: str) -> list[tuple[str, str]]:
    t = console.t
    renamed = " ".join(f"{old}→{new}" for old, new in table.fields.items() if old != new)
    return [
        (t("来源（行数）", "from (rows)"), sources),
        (t("写出行数", "rows written"), str(table.rows)),
        (t("坐标系", "CRS"), table.crs or "-"),
        (t("字段", "fields"), str(len(table.fields))),
        (t("改名", "renamed"), renamed or "-"),
        (t("已脱敏", "masked"), " ".join(table.masked) or "-"),
    ]
