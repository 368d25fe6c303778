"""Kinds: the table, the states of known spectra, and the kinds of known changes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.change.planted import ROLES, SPECTRA, put
from yuxi_gis.change import kinds


def spectra(*names: str):
    values = np.array([SPECTRA[name] for name in names], dtype=np.float32).T[:, None, :]
    return dict(zip(ROLES, values, strict=True))


def kind_codes(before, after, changed, strength):
    return kinds.settled(np.where(changed, kinds.transition(before, after), 0), strength)


def test_table_is_sound():
    codes = [kind.code for kind in kinds.KINDS]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes
    assert len({(kind.id, kind.seasonal) for kind in kinds.KINDS}) == len(codes)
    titles = {(kind.id, kind.zh, kind.en) for kind in kinds.KINDS}
    assert len(titles) == len({kind.id for kind in kinds.KINDS})
    assert {code for *_, code in kinds._TRANSITIONS} <= set(codes)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("crop", kinds.GREEN),
        ("soil", kinds.BARE),
        ("stubble", kinds.BARE),
        ("forest", kinds.FOREST),
        ("concrete", kinds.BUILT),
        ("asphalt", kinds.BUILT),
        ("water", kinds.WATER),
    ],
)
def test_states_of_known_spectra(name, state):
    assert kinds.states(spectra(name)).item() == state


@pytest.mark.parametrize(
    ("before", "after", "kind", "seasonal"),
    [
        ("crop", "concrete", "built", False),
        ("soil", "asphalt", "built", False),
        ("soil", "water", "water", False),
        ("soil", "forest", "planted", False),
        ("soil", "crop", "planted", True),
        ("crop", "soil", "bare", True),
        ("crop", "stubble", "bare", True),
        ("forest", "soil", "bare", False),
        ("concrete", "soil", "cleared", False),
        ("stubble", "soil", "other", True),
    ],
)
def test_kinds_of_known_changes(before, after, kind, seasonal):
    one = np.ones((1, 1))
    code = kind_codes(spectra(before), spectra(after), one > 0, one).item()
    found = kinds.by_code(code)
    assert (found.id, found.seasonal) == (kind, seasonal)


def test_what_did_not_change_has_no_kind():
    none = np.zeros((1, 1), dtype=bool)
    assert not kind_codes(spectra("crop"), spectra("concrete"), none, none + 9.0).any()


def test_the_rim_of_a_change_takes_the_kind_of_its_body():
    before, after = (np.empty((6, 7, 7), dtype=np.float32) for _ in "ab")
    before[:] = after[:] = np.array(SPECTRA["crop"])[:, None, None]
    put(after, slice(2, 5), slice(2, 5), "concrete")
    after[:, 5, 2:5] = 0.7 * before[:, 5, 2:5] + 0.3 * after[:, 4, 2:5]
    changed = np.zeros((7, 7), dtype=bool)
    changed[2:6, 2:5] = True
    pair = [dict(zip(ROLES, image, strict=True)) for image in (before, after)]
    assert kinds.states(pair[1])[5, 3] in (kinds.SPARSE, kinds.GREEN)
    code = kind_codes(*pair, changed, np.abs(after - before).sum(axis=0))
    assert (code[changed] == 1).all()
    assert (code[~changed] == 0).all()
