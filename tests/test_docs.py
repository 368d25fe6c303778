"""The pages for people say what the code does."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Ran, yuxi  # noqa: F401  (a fixture)
from tests.conftest import ROOT
from yuxi_gis.catalog import load_catalog, load_codes
from yuxi_gis.cli import build
from yuxi_gis.cli._base import Console
from yuxi_gis.cli._reading import reading_options
from yuxi_gis.read.formats import FORMATS

READING = {"zh": ROOT / "docs" / "reading.zh.md", "en": ROOT / "docs" / "reading.md"}
README = {"zh": ROOT / "README.zh.md", "en": ROOT / "README.md"}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LANGS = ("zh", "en")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, kind: str) -> list[str]:
    """The fenced blocks of a page that are marked `kind`."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text(path), re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[list[str]]:
    """What follows ``yuxi-gis`` in the shell examples of a page."""
    lines = "".join(blocks(path, "sh") + blocks(path, "console")).splitlines()
    calls = [line.removeprefix("$ ") for line in lines]
    return [shlex.split(c, comments=True)[1:] for c in calls if c.startswith("yuxi-gis ")]


@pytest.mark.parametrize("lang", LANGS)
def test_every_format_is_named(lang: str) -> None:
    page = text(READING[lang])
    for form in FORMATS:
        row = next(r for r in page.splitlines() if r.startswith(f"| {getattr(form, lang)} |"))
        for suffix in form.suffixes:
            assert f"`{suffix}`" in row, (form.en, suffix)


@pytest.mark.parametrize("lang", LANGS)
def test_every_reading_option_is_explained(lang: str) -> None:
    command = reading_options(Console("en"))(lambda **_: None)
    options = [flag for option in command.__click_params__ for flag in option.opts]  # type: ignore[attr-defined]
    assert len(options) >= 7
    for flag in options:
        assert f"`{flag}" in text(READING[lang]), flag


@pytest.mark.parametrize("lang", LANGS)
def test_readme_names_every_command_and_counts_the_catalogue(lang: str) -> None:
    page = text(README[lang])
    for name in build(Console("en")).commands:
        assert re.search(rf"yuxi-gis {name}\b", page), name
    tables = [spec.is_table for spec in load_catalog().values()]
    counts = (tables.count(False), tables.count(True), len(load_codes()))
    said = r"有 (\d+) 个\s*图层、(\d+) 个属性表、(\d+) 个共用代码表"
    if lang == "en":
        said = r"has (\d+) layers, (\d+) tables and (\d+) shared code\s+lists"
    found = re.search(said, page)
    assert found and tuple(map(int, found.groups())) == counts


@pytest.mark.parametrize("path", [*READING.values(), *README.values()], ids=lambda p: p.name)
def test_shell_examples_parse(path: Path) -> None:
    """Their options and the number of their arguments; nothing is run."""
    tree = build(Console("en"))
    calls = commands(path)
    assert calls
    for call in calls:
        try:
            tree.commands[call[0]].make_context(call[0], call[1:])
        except (click.ClickException, KeyError) as error:
            pytest.fail(f"{path.name}: yuxi-gis {shlex.join(call)}: {error}")


@pytest.mark.parametrize("lang", LANGS)
def test_outputs_shown_are_what_the_commands_print(
    lang: str,
    yuxi: Callable[..., Ran],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Line by line; ``…`` at the end of a line, or alone, stands for what was left out."""
    shutil.copytree(ROOT / "sample_data" / "faults", tmp_path / "sample_data" / "faults")
    monkeypatch.chdir(tmp_path)
    shown = blocks(READING[lang], "console")
    assert shown
    for block in shown:
        first, *lines = block.splitlines()
        printed = yuxi(*shlex.split(first)[2:], "--lang", lang).out
        for line in lines:
            assert line.removesuffix("…") in printed, line


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(path)):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", text(there), re.MULTILINE)
            assert anchor in [_anchor(heading) for heading in headings], target


def _anchor(heading: str) -> str:
    """As GitHub makes it: lower case, blanks as hyphens, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
