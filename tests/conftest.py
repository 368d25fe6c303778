"""Fixtures for what is not in the checkout: shared data, a browser, QGIS.

A test that needs one of them skips with a reason where it is absent, and fails there when
YUXI_REQUIRE_ALL=1 (the project's CI).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent


def absent(reason: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get("YUXI_REQUIRE_ALL") == "1":
        pytest.fail(f"YUXI_REQUIRE_ALL=1 and {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout (``YUXI_SHARED_DATA`` names another)."""
    path = Path(os.environ.get("YUXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        absent(f"real data is not at {path}")
    return path.resolve()


@pytest.fixture(scope="session")
def chromium() -> dict[str, str]:
    """Paths of Chromium and its driver: keys ``browser`` and ``driver``."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        absent("Chromium and chromedriver are not installed")
    return {"browser": browser, "driver": driver}


@pytest.fixture(scope="session")
def qgis_python() -> str:
    """A Python interpreter that can import QGIS."""
    for python in ("/usr/bin/python3", shutil.which("python3")):
        if python and Path(python).exists():
            probe = subprocess.run([python, "-c", "import qgis.core"], capture_output=True)
            if probe.returncode == 0:
                return python
    absent("no Python with QGIS found (Debian: apt-get install qgis python3-qgis)")
