"""``yuxi-gis layers``: the layer catalogue."""

from __future__ import annotations

from typing import Any

import click

from yuxi_gis.catalog import FieldSpec, LayerSpec, load_catalog
from yuxi_gis.cli._base import Console, common_options
from yuxi_gis.errors import ParameterError


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "layers",
        help=t(
            "列出图层目录；给出 ID 则列出该图层的字段和代码表。",
            "List the layer catalogue; with an ID, the fields and code lists of that layer.",
        ),
    )
    @click.argument("layer_id", metavar="[ID]", required=False)
    @common_options(console)
    def layers(layer_id: str | None, **common: Any) -> None:
        console.set(**common)
        catalog = load_catalog()
        if layer_id is not None and layer_id not in catalog:
            ids = ", ".join(catalog)
            raise ParameterError(
                f"没有 ID 为 {layer_id} 的图层。可用的 ID：{ids}。",
                f"There is no layer {layer_id}. There are: {ids}.",
            )
        chosen = list(catalog.values()) if layer_id is None else [catalog[layer_id]]
        if console.json:
            console.print_json(chosen)
        elif layer_id is None:
            console.table([(s.id, s.name, s.title(console.lang), s.standard) for s in chosen])
        else:
            _show(console, chosen[0])

    return layers


def _show(console: Console, spec: LayerSpec) -> None:
    console.say(f"{spec.id}  {spec.name}  {spec.title(console.lang)}")
    console.say(f"{console.t('来源', 'Source')}: {spec.source}")
    console.table([_row(console, field) for field in spec.fields])
    for field in spec.fields:
        if field.codes is not None:
            console.say(f"{field.name} ({field.codes.source})")
            console.table(
                [(code, field.codes.label(code, console.lang)) for code in field.codes.zh]
            )


def _row(console: Console, field: FieldSpec) -> tuple[str, ...]:
    size = "" if field.length is None else f"{field.length}"
    if field.decimals is not None:
        size += f".{field.decimals}"
    return (field.name, field.title(console.lang), field.type, size, field.required)
