"""Run the command line as a user does, and look at all it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from yuxi_gis.cli import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def yuxi(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """``yuxi("check", "--json", source)``: the exit code and what was printed."""

    def call(*args: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return Ran(int(stop.value.code or 0), out, err)

    return call
