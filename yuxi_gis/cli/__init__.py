"""The command line ``yuxi-gis``: one module a command, each parses, calls, prints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from yuxi_gis.cli import change, check, convert, demo, info, layers, map, rules, summary
from yuxi_gis.cli._base import ChineseContext, Console, language, run

__all__ = ["build", "main"]

_COMMANDS = (demo, layers, rules, info, convert, check, change, summary, map)


class _Group(click.Group):
    """Lists its commands in the order of the work, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def build(console: Console) -> click.Group:
    """The command tree, with its texts in the language of `console`."""

    @click.group(
        cls=_Group,
        help=console.t(
            "玉溪农村土地数据工具箱：读取、检查、发现变化、制图。",
            "Rural land data of Yuxi: read, check, find change, map.",
        ),
        no_args_is_help=True,
        add_help_option=False,
    )
    @click.help_option(help=console.t("显示本说明后退出。", "Show this message and exit."))
    @click.version_option(
        package_name="yuxi-gis", help=console.t("显示版本后退出。", "Show the version and exit.")
    )
    @click.option(
        "--lang",
        type=click.Choice(["zh", "en"]),
        expose_value=False,
        help=console.t(
            "语言（默认随系统，否则中文）。", "Language (default: the locale, else zh)."
        ),
    )
    def group() -> None: ...

    for module in _COMMANDS:
        group.add_command(module.command(console))
    if console.lang == "zh":
        for command in (group, *group.commands.values()):
            command.context_class = ChineseContext
            command.options_metavar = "[选项]"
        group.subcommand_metavar = "命令 [参数]…"
    return group


def _interrupt(*_: object) -> None:
    """A program that is told to end cleans up as after Ctrl-C."""
    raise KeyboardInterrupt


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    args = sys.argv[1:] if args is None else args
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A console that cannot show a character shows a substitute; it does not stop.
            stream.reconfigure(errors="replace")
    console = Console(language(args))
    with suppress(ValueError):  # not the main thread, which alone hears of signals
        signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(build(console), args, console))
