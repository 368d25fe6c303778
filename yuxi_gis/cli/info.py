"""``yuxi-gis info``: what a source is."""

from __future__ import annotations

from typing import Any

import click

from yuxi_gis.cli._base import Console, common_options, source_options


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "info",
        help=t(
            "说明数据是什么：图层、坐标系、编码、数量、缺少的字段。",
            "Say what a source is: layer, CRS, encoding, counts, missing fields.",
        ),
    )
    @source_options(console)
    @common_options(console)
    def info(sources: tuple[str, ...], crs: str | None, **common: Any) -> None:
        from yuxi_gis.read import find_tables

        console.set(**common)
        rows = [_plain(table) for table in find_tables(sources, crs=crs)]
        if console.json:
            console.print_json(rows)
            return
        for row in rows:
            _show(console, row)

    return info


def _plain(table: Any) -> dict[str, Any]:
    from yuxi_gis.crs import crs_name

    return {
        "source": str(table.path),
        "table": table.table,
        "layer": None if table.spec is None else table.spec.id,
        "layer_why": {"zh": table.why[0], "en": table.why[1]},
        "geometry": table.geometry,
        "crs": None if table.crs is None else crs_name(table.crs),
        "crs_from": table.crs_from,
        "encoding": table.encoding,
        "encoding_from": table.encoding_from,
        "rows": table.rows,
        "fields": list(table.columns),
        "missing": list(table.missing),
    }


def _show(console: Console, row: dict[str, Any]) -> None:
    t = console.t
    crs_from = {
        "file": t("文件自带", "from the file"),
        "given": t("用户指定", "given"),
        "missing": t("缺失，请用 --crs 指定", "missing, give it with --crs"),
    }[row["crs_from"]]
    encoding_from = {
        "file": t("文件自带或格式默认", "declared by the file, or the format's own"),
        "text": t("文件未声明，由文字字节判定", "not declared: told by the bytes of the text"),
    }[row["encoding_from"]]
    console.say(f"{row['source']} | {row['table']}")
    console.table(
        [
            (t("图层", "layer"), f"{row['layer'] or '-'}（{row['layer_why'][console.lang]}）"),
            (t("图形", "geometry"), row["geometry"] or t("无", "none")),
            (t("坐标系", "CRS"), f"{row['crs'] or '-'}（{crs_from}）"),
            (t("编码", "encoding"), f"{row['encoding']}（{encoding_from}）"),
            (t("行数", "rows"), str(row["rows"])),
            (t("字段", "fields"), " ".join(row["fields"]) or "-"),
            (t("缺少的必填字段", "mandatory fields missing"), " ".join(row["missing"]) or "-"),
        ]
    )
