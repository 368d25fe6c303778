"""What a file is by its content: a workbook, text, or nothing that can be read."""

from __future__ import annotations

import zipfile
from pathlib import Path

from yuxi_gis.errors import SourceError
from yuxi_gis.read.ledger.sheet import refused

__all__ = ["damaged", "is_workbook", "password"]

#: A workbook of a million rows and 30 columns unpacks to about 2 GB; sheets of clerks pack
#: twenty- to forty-fold.
_UNPACKED_MOST = 2 << 30
_RATIO_MOST, _RATIO_FROM = 200, 100 << 20


def is_workbook(path: Path, head: bytes) -> bool:
    """Whether the content is that of a workbook; raises for what is neither that nor text."""
    if head.startswith(b"PK\x03\x04"):
        _check_zip(path)
        return True
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
            raise password(path)
        return True
    if head.startswith((b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")):
        return True  # BIFF 2-4: a stream without a compound file around it
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<table", b"<meta")):
        raise refused(
            path,
            "后缀是表格，内容却是网页（HTML）。请用 Excel 或 WPS 打开，另存为 xlsx。",
            "is a web page (HTML) with the ending of a table. Open it in Excel or WPS and save it "
            "as xlsx.",
        )
    if start.startswith((b"<?xml", b"<workbook")):
        raise refused(
            path,
            "后缀是表格，内容却是 XML（可能是 Excel 2003 XML 表格）。请用 Excel 打开，"
            "另存为 xlsx。",
            "is XML (perhaps an XML spreadsheet of 2003) with the ending of a table. Open it in "
            "Excel and save it as xlsx.",
        )
    return False


def password(path: Path) -> SourceError:
    """The error for a workbook with a password."""
    return refused(
        path,
        "工作簿有密码。请用 Excel 打开，去掉密码后另存。",
        "the workbook has a password. Open it in Excel and save it without.",
    )


def damaged(path: Path, why: str = "") -> SourceError:
    """The error for what cannot be read as a workbook."""
    return refused(
        path,
        f"工作簿已损坏或不是表格{f'（{why}）' if why else ''}。"
        "请用 Excel 或 WPS 打开并另存为 xlsx。",
        f"the workbook is damaged, or is none{f' ({why})' if why else ''}. Open it in Excel or "
        "WPS and save it as xlsx.",
    )


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise damaged(path) from error
    size = sum(entry.file_size for entry in names)
    packed = max(1, path.stat().st_size)
    if size > _UNPACKED_MOST or (size > _RATIO_FROM and size / packed > _RATIO_MOST):
        raise refused(
            path,
            f"解压后有 {size / 1e9:.1f} GB（压缩比 {size / packed:.0f}），不像台账，未打开。"
            "请拆分，或另存为 CSV。",
            f"unpacks to {size / 1e9:.1f} GB (ratio {size / packed:.0f}), which is no ledger; not "
            "opened. Split it, or save it as CSV.",
        )
