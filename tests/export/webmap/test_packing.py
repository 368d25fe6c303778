"""Streams are read back by other code than the page's (`unpacked.py`)."""

from __future__ import annotations

import base64
import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.webmap.unpacked import integers, signed
from yuxi_gis.export.webmap.packing import deflated, first_seen, references, varints, zigzag

WHOLE = st.integers(-(2**62), 2**62)


@settings(deadline=None)
@given(st.lists(WHOLE))
def test_signed_numbers_come_back(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    assert [signed(code) for code in integers(varints(zigzag(array)))] == values


def test_small_numbers_take_one_byte() -> None:
    assert varints(np.array([0, 127])) == b"\x00\x7f"
    assert varints(np.array([128, 300])) == b"\x80\x01\xac\x02"
    assert zigzag(np.array([0, -1, 1, -2])).tolist() == [0, 1, 2, 3]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1))
def test_references_lead_to_the_same_values(values: list[int]) -> None:
    number, new = first_seen(np.array(values))
    distinct = list(dict.fromkeys(values))
    assert [distinct[i] for i in number] == values
    known, out = 0, []
    for code in references(number, new).tolist():
        known += code == 0
        out.append(known - 1 if code == 0 else known - code)
    assert out == number.tolist()


def test_streams_follow_one_another() -> None:
    table, text = deflated({"a": b"12", "b": b"", "c": b"345"})
    assert table == [["a", 2], ["b", 0], ["c", 3]]
    assert zlib.decompress(base64.b64decode(text)) == b"12345"
