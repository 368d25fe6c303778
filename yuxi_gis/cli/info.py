"""``yuxi-gis info``: what a source is, how it is read, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import Console, common_options, source_argument
from yuxi_gis.cli._reading import as_json, look, reading_options, report_failures
from yuxi_gis.errors import YuxiGisError

if TYPE_CHECKING:
    from yuxi_gis.read import SourceTable
    from yuxi_gis.read.table import Options


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "info",
        help=t(
            "说明数据是什么、怎样读、为什么：图层、坐标系、编码、数量、缺少的字段、可疑之处。"
            "退出码：0 都能读，2 有文件读不了或没有坐标系。",
            "Say what a source is, how it is read and why: layer, CRS, encoding, counts, missing "
            "fields, doubts. Exit code: 0 all can be read, 2 some cannot or have no CRS.",
        ),
    )
    @source_argument
    @reading_options(console)
    @common_options(console)
    def info(sources: tuple[str, ...], reading: Options, **common: Any) -> int:
        console.set(**common)
        found = look(console, sources, reading)
        failures = list(found.failures)
        rows = []
        for done, table in enumerate(found.tables):
            console.progress(
                f"读取 {table.name}", f"reading {table.name}", done / len(found.tables)
            )
            try:
                rows.append(_describe(table))
            except YuxiGisError as error:
                failures.append(error)
        if console.json:
            left = [{"ignored": {"name": n, "zh": zh, "en": en}} for n, zh, en in found.ignored]
            console.print_json(rows + [{"error": one} for one in as_json(failures)] + left)
        for row in rows:
            _show(console, row)
        unplaced = any(row["crs_from"] == "missing" for row in rows)
        return report_failures(console, failures) or (2 if unplaced else 0)

    return info


def _describe(table: SourceTable) -> dict[str, Any]:
    """All that is known of a table; its rows are read, so that doubts about them are told."""
    from yuxi_gis.read import read_table

    attrs = read_table(table, require_crs=False).attrs
    return {
        "source": attrs["source"],
        "name": attrs["name"],
        "table": attrs["table"],
        "layer": attrs["layer"],
        "edition": attrs["edition"],
        "geometry": table.geometry,
        "crs": None if attrs["crs"] == "-" else attrs["crs"],
        "crs_from": attrs["crs_from"],
        "encoding": attrs["encoding"],
        "rows": table.rows,
        "fields": list(table.columns),
        "renamed": attrs["renamed"],
        "missing": list(table.missing),
        "decisions": attrs["decisions"],
        "notes": attrs["notes"],
    }


def _show(console: Console, row: dict[str, Any]) -> None:
    t = console.t
    confidence = {
        "certain": t("确定", "certain"),
        "high": t("很可能", "high confidence"),
        "low": t("不确定", "low confidence"),
    }
    titles = {
        "format": t("格式", "format"),
        "layer": t("图层", "layer"),
        "encoding": t("编码", "encoding"),
        "crs": t("坐标系", "CRS"),
        "datum": t("基准", "datum"),
        "axes": t("坐标轴", "axes"),
        "geometry": t("图形列", "geometry"),
        "delimiter": t("分隔符", "delimiter"),
        "zip_names": t("压缩包内文件名", "names in the zip"),
        "header": t("表头", "header"),
        "units": t("单位", "units"),
    }
    severity = {
        "info": t("说明", "note"),
        "warning": t("警告", "warning"),
        "error": t("错误", "error"),
    }
    renamed = " ".join(f"{old}→{new}" for old, new in row["renamed"].items())
    console.say(row["name"])
    console.table(
        [
            (
                titles.get(made["what"], made["what"]),
                t(
                    f"{made['value'] or '-'}（{made['zh']}；{confidence[made['confidence']]}）",
                    f"{made['value'] or '-'} ({made['en']}; {confidence[made['confidence']]})",
                ),
            )
            for made in row["decisions"]
        ]
        + [
            (t("图形", "geometry"), row["geometry"] or t("无", "none")),
            (t("行数", "rows"), str(row["rows"])),
            (t("字段", "fields"), " ".join(row["fields"]) or "-"),
            (t("改为标准字段名", "brought to official names"), renamed or "-"),
            (t("缺少的必填字段", "mandatory fields missing"), " ".join(row["missing"]) or "-"),
        ]
    )
    for note in row["notes"]:
        console.say(
            t(
                f"  {severity[note['severity']]}：{note['zh']}",
                f"  {severity[note['severity']]}: {note['en']}",
            )
        )
