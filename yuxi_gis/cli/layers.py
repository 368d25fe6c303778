"""``yuxi-gis layers``: the layer catalogue."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from yuxi_gis.catalog import CodeList, FieldSpec, LayerSpec, load_catalog, load_codes
from yuxi_gis.cli._base import Console, common_options
from yuxi_gis.errors import ParameterError


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "layers",
        help=t(
            "列出图层目录：图层、属性表和代码表；给出 ID 则列出其字段、旧版标准和代码。",
            "List the layer catalogue: layers, tables and code lists; with an ID, its fields, "
            "older editions and codes.",
        ),
    )
    @click.argument("layer_id", metavar="[ID]", required=False)
    @common_options(console)
    def layers(layer_id: str | None, **common: Any) -> None:
        console.set(**common)
        catalog, lists = load_catalog(), load_codes()
        known: dict[str, LayerSpec | CodeList] = {**catalog, **lists}
        if layer_id is not None and layer_id not in known:
            ids = ", ".join([*catalog, *lists])
            raise ParameterError(
                f"没有 ID 为 {layer_id} 的图层。可用的 ID：{ids}。",
                f"There is no layer {layer_id}. There are: {ids}.",
            )
        if console.json:
            chosen = known.items() if layer_id is None else [(layer_id, known[layer_id])]
            console.print_json([_entry(name, what) for name, what in chosen])
        elif layer_id is None:
            _list(console, catalog, lists)
        else:
            what = known[layer_id]
            if isinstance(what, CodeList):
                _show_codes(console, what)
            else:
                _show(console, what)

    return layers


def _entry(name: str, what: LayerSpec | CodeList) -> dict[str, Any]:
    """All that the catalogue says of a layer, a table or a code list, with its kind."""
    if isinstance(what, CodeList):
        kind = "codes"
    else:
        kind = "table" if what.is_table else "layer"
    return {"kind": kind, "id": name} | {f.name: getattr(what, f.name) for f in fields(what)}


def _list(console: Console, catalog: dict[str, LayerSpec], lists: dict[str, CodeList]) -> None:
    for heading, tables in (
        (console.t("图层", "Layers"), False),
        (console.t("属性表", "Tables"), True),
    ):
        console.say(heading)
        console.table(
            [
                (s.id, s.name, s.title(console.lang), s.standard, s.confidence)
                for s in catalog.values()
                if s.is_table == tables
            ]
        )
    console.say(console.t("代码表", "Code lists"))
    console.table([(c.name, len(c.zh), c.confidence, c.source) for c in lists.values()])


def _show(console: Console, spec: LayerSpec) -> None:
    console.say(f"{spec.id}  {spec.name}  {spec.title(console.lang)}")
    source = console.t("来源", "Source")
    console.say(f"{source}: {spec.source} ({spec.confidence})")
    console.table([_row(console, field) for field in spec.fields])
    for edition in spec.editions:
        old = console.t("旧版标准", "Older edition")
        console.say(f"{old}: {edition.title(console.lang)} ({edition.confidence})")
        console.table([(name, "→", today) for name, today in edition.aliases.items()])
    lists = [field.codes for field in spec.fields]
    lists += [codes for edition in spec.editions for codes in edition.codes.values()]
    for codes in {codes.name: codes for codes in lists if codes is not None}.values():
        _show_codes(console, codes)


def _show_codes(console: Console, codes: CodeList) -> None:
    today = f" → {codes.replaced_by}" if codes.replaced_by else ""
    console.say(f"{codes.name}{today} ({codes.source}; {codes.confidence})")
    rows = [
        (code, codes.label(code, console.lang), codes.successors.get(code, "")) for code in codes.zh
    ]
    note = console.t("不在表中，但实际数据中常见", "not in the list, but in real data")
    rows += [(code, label, f"({note})") for code, label in codes.tolerated.items()]
    console.table(rows)


def _row(console: Console, field: FieldSpec) -> tuple[str, ...]:
    size = "" if field.length is None else f"{field.length}"
    if field.decimals is not None:
        size += f".{field.decimals}"
    title = field.title(console.lang)
    more = [field.codes.name if field.codes else "", field.references or ""]
    last = " ".join(word for word in more if word)
    return (field.name, title, field.type, size, field.required, field.confidence, last)
