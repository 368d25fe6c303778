"""``yuxi-gis rules``: the rules, and the page of one."""

from __future__ import annotations

from typing import Any

import click

from yuxi_gis.cli._base import Console, common_options
from yuxi_gis.errors import ParameterError


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "rules",
        help=t(
            "列出检查规则；给出 ID 则显示该规则的说明页。",
            "List the rules; with an ID, the page of that rule.",
        ),
    )
    @click.argument("rule_id", metavar="[ID]", required=False)
    @common_options(console)
    def rules(rule_id: str | None, **common: Any) -> None:
        from yuxi_gis.checks import RULES, rule_as_json, rule_page

        console.set(**common)
        wanted = None if rule_id is None else rule_id.upper()
        if wanted is not None and wanted not in RULES:
            ids = " ".join(RULES)
            raise ParameterError(
                f"没有规则 {rule_id}。可用的规则：{ids}。",
                f"There is no rule {rule_id}. There are: {ids}.",
            )
        chosen = list(RULES.values()) if wanted is None else [RULES[wanted]]
        if console.json:
            console.print_json([rule_as_json(rule) for rule in chosen])
        elif wanted is None:
            console.table([(r.id, r.severity, r.title(console.lang)) for r in chosen])
        else:
            console.say(rule_page(chosen[0], console.lang))

    return rules
