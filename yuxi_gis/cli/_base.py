"""What every command shares: the user's language, options, notes, progress and errors."""

from __future__ import annotations

import json
import locale
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar

import click

from yuxi_gis.errors import YuxiGisError

__all__ = [
    "Console",
    "common_options",
    "language",
    "output_options",
    "privacy_options",
    "run",
    "source_argument",
]

Function = TypeVar("Function", bound=Callable[..., Any])

#: How often a log, which is no terminal, hears of progress.
_LOG_EVERY_S = 2.0
#: What click 8.2 and newer raise for a group without a command; older ones print and exit.
_NO_ARGS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
_HEADINGS = {"Options": "选项", "Commands": "命令", "Usage": "用法"}


def language(args: Sequence[str]) -> str:
    """``"zh"`` or ``"en"``: what ``--lang`` in `args` says, else the locale, else Chinese."""
    for before, arg in zip(["", *args], args, strict=False):
        value = arg.partition("=")[2] if arg.startswith("--lang=") else arg
        if (before == "--lang" or arg.startswith("--lang=")) and value in ("zh", "en"):
            return value
    names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    name = next((n for n in names if n), locale.getlocale()[0] or "")
    return "en" if name.lower().startswith("en") else "zh"


@dataclass
class Console:
    """Speaks to the user: results to stdout, notes and progress to stderr."""

    lang: str
    json: bool = False
    quiet: bool = False
    _spoke: float = field(default=-_LOG_EVERY_S, repr=False)

    def t(self, zh: str, en: str) -> str:
        """The text in the user's language."""
        return zh if self.lang == "zh" else en

    def set(self, *, json: bool, quiet: bool, **_: Any) -> None:
        """Take over what the common options say."""
        self.json, self.quiet = json, quiet

    def say(self, text: str = "") -> None:
        """A line of the result; not with ``--json``."""
        if not self.json:
            click.echo(text)

    def note(self, zh: str, en: str) -> None:
        """A line on the side."""
        if not self.quiet:
            click.echo(self.t(zh, en), err=True)

    def error(self, error: YuxiGisError) -> None:
        """An error that the user can mend, in one line; also with ``--quiet``."""
        text = " ".join(error.text(self.lang).split())
        click.echo(self.t("错误：", "Error: ") + text, err=True)

    def print_json(self, value: Any) -> None:
        """The result as one JSON object or list."""
        text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False, default=_plain)
        # JSON is UTF-8, whatever the console speaks.
        click.echo(text.encode("utf-8"))

    def table(self, rows: Sequence[Sequence[object]]) -> None:
        """Rows in columns, wide characters counted as two; numbers to the right."""
        if not rows:
            return
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [max(_width(row[i]) for row in cells) for i in range(len(cells[0]))]
        for row, values in zip(cells, rows, strict=True):
            line = "  ".join(
                _pad(text, width, right=isinstance(value, (int, float)))
                for text, width, value in zip(row, widths, values, strict=True)
            )
            self.say("  " + line.rstrip())

    def progress(self, zh: str, en: str, fraction: float) -> None:
        """A bar on a terminal; elsewhere now and then a line that names the stage."""
        if self.quiet:
            return
        stage = self.t(zh, en)
        if sys.stderr.isatty():
            bar = "█" * round(fraction * 20)
            end = "\n" if fraction >= 1 else ""
            click.echo(f"\r\033[K{bar:░<20} {fraction:4.0%} {stage}{end}", err=True, nl=False)
        elif time.monotonic() - self._spoke >= _LOG_EVERY_S:
            click.echo(f"… {stage}", err=True)
            self._spoke = time.monotonic()


def _plain(value: object) -> dict[str, Any]:
    """A dataclass or a mapping as what JSON knows."""
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be JSON")


def _cell(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def common_options(console: Console) -> Callable[[Function], Function]:
    """``--lang``, ``--json``, ``-q``, ``--help``, and a Chinese help page."""
    t = console.t

    def decorate(function: Function) -> Function:
        for option in (
            click.help_option(help=t("显示本说明后退出。", "Show this message and exit.")),
            click.option(
                "-q",
                "--quiet",
                is_flag=True,
                help=t("不显示进度和提示。", "No progress, no notes."),
            ),
            click.option(
                "--json", is_flag=True, help=t("结果以 JSON 输出。", "Print the result as JSON.")
            ),
            click.option(
                "--lang",
                type=click.Choice(["zh", "en"]),
                expose_value=False,
                help=t(
                    "语言（默认随系统，否则中文）。", "Language (default: the locale, else zh)."
                ),
            ),
        ):
            function = option(function)
        return function

    return decorate


def source_argument(function: Function) -> Function:
    """The argument ``SRC…``."""
    return click.argument("sources", nargs=-1, required=True, metavar="SRC...")(function)


def output_options(
    console: Console, zh: str, en: str, **kwargs: Any
) -> Callable[[Function], Function]:
    """``-o/--output`` and ``--overwrite``."""

    def decorate(function: Function) -> Function:
        overwrite = click.option(
            "--overwrite",
            is_flag=True,
            help=console.t("覆盖已有的输出。", "Replace an existing output."),
        )
        output = click.option("-o", "--output", help=console.t(zh, en), **kwargs)
        return output(overwrite(function))

    return decorate


def privacy_options(console: Console) -> Callable[[Function], Function]:
    """``--keep-names`` and ``--unmask``; the command gets them as ``masking``."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(*args: Any, keep_names: bool, unmask: bool, **kwargs: Any) -> Any:
            from yuxi_gis.codes import Masking

            masking = Masking(ids=not unmask, phones=not unmask, names=not (unmask or keep_names))
            return function(*args, masking=masking, **kwargs)

        wrapped: Any = command
        for flag, zh, en in reversed(
            (
                (
                    "--keep-names",
                    "不遮盖姓名、住址和四至；证件号码和电话仍遮盖。",
                    "Show names, addresses and neighbours; still mask identity and phone numbers.",
                ),
                (
                    "--unmask",
                    "不遮盖任何个人信息（默认遮盖证件号码、电话、姓名）；成果会注明。",
                    "Mask no personal data (by default identity numbers, telephones and names are "
                    "masked); the output says so.",
                ),
            )
        ):
            wrapped = click.option(flag, is_flag=True, help=console.t(zh, en))(wrapped)
        return wrapped

    return decorate


class _Formatter(click.HelpFormatter):
    """Help pages with Chinese headings."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, "用法：" if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        super().write_heading(_HEADINGS.get(heading, heading))


class ChineseContext(click.Context):
    """A context whose help pages are Chinese."""

    formatter_class = _Formatter


def _usage(error: click.ClickException, console: Console) -> str:
    """Click's own complaints, in the user's language."""
    message = error.format_message()
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "yuxi-gis"
    if console.lang == "zh":
        if isinstance(error, click.MissingParameter):
            hint = error.param.get_error_hint(ctx) if error.param and ctx else ""
            message = f"缺少参数 {hint}"
        elif isinstance(error, click.NoSuchOption):
            message = f"没有选项 {error.option_name}"
        elif isinstance(error, click.BadParameter) and error.param and ctx:
            kind = error.param.type
            choices = " ".join(kind.choices) if isinstance(kind, click.Choice) else ""
            hint = error.param.get_error_hint(ctx)
            message = f"{hint} 的值有误" + (f"，可以是 {choices}" if choices else "")
        elif found := re.match(r"No such command '(.+?)'", message):
            message = f"没有命令 {found[1]}"
        else:
            message = f"参数有误：{message}"
    return console.t(
        f"错误：{message}。用 {path} --help 查看用法。",
        f"Error: {message} See {path} --help.",
    )


def run(command: click.Command, args: Sequence[str], console: Console) -> int:
    """Run `command`; the exit code: 0 done, 1 findings, 2 usage or input error.

    Every error that the user can mend is one line on stderr. ``YUXI_GIS_DEBUG=1`` shows the
    traceback of the others.
    """
    try:
        result = command.main(list(args), prog_name="yuxi-gis", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except _NO_ARGS as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        click.echo(_usage(error, console), err=True)
    except YuxiGisError as error:
        console.error(error)
    except (KeyboardInterrupt, click.Abort):
        click.echo(
            console.t(
                "\n已中断，没有留下不完整的输出。", "\nInterrupted; no output is half-written."
            ),
            err=True,
        )
    except OSError as error:
        why = error.strerror or str(error)
        click.echo(
            console.t(f"错误：无法读写：{why}", f"Error: cannot read or write: {why}"), err=True
        )
    except Exception as error:
        if os.environ.get("YUXI_GIS_DEBUG"):
            raise
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        click.echo(
            console.t(
                f"程序内部错误，请报告给开发者：{what}（设 YUXI_GIS_DEBUG=1 可看详情）",
                f"Internal error, please report it: {what} (YUXI_GIS_DEBUG=1 shows details)",
            ),
            err=True,
        )
    return 2
