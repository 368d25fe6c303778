"""Seeded damage to files: what disks, mail programs and hostile people do to them."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["mutate"]

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_WORDS = (b"\0", b"'", b'"', b"<", b"../", b"%s", b"\xff\xfe", b"NaN", b"1e999", b"-1", b";", b"\n")


def _bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _number(data: bytearray, rng: random.Random) -> None:
    """A field that counts or points gets a boundary value; near the start, where headers are."""
    width = rng.choice((1, 2, 4, 8))
    where = rng.choice((rng.randrange(len(data)), rng.randrange(min(len(data), 512))))
    value = rng.choice(_NUMBERS) & (1 << 8 * width) - 1
    data[where : where + width] = value.to_bytes(width, rng.choice(("little", "big")))


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 4, 64, 4096))]


def _repeat(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice((1, 16, 512, 4096))]
    data[start:start] = part * rng.choice((1, 2, 20))


def _insert(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    data[start:start] = rng.choice(_WORDS) * rng.choice((1, 1, 100))


def _zero(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.choice((4, 64, 1024)))
    data[start:stop] = bytes(stop - start)


_DAMAGE: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _bits,
    _number,
    _number,
    _cut,
    _remove,
    _repeat,
    _insert,
    _zero,
)


_NAMES = ("../outside.shp", "/tmp/outside.shp", "C:\\outside.shp", "a" * 300, "nul", "x\n.shp")


def _inside(data: bytearray, rng: random.Random) -> bytearray:
    """A whole zip again, of which one member is damaged or has a bad name."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {entry.filename: bytearray(source.read(entry)) for entry in source.infolist()}
    victim = rng.choice(sorted(members))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            if name == victim and content:
                rng.choice(_DAMAGE)(content, rng)
                name = rng.choice((*_NAMES, *[name] * 30))
            target.writestr(name, bytes(content))
    return bytearray(out.getvalue())


def mutate(source: Path, target: Path, seed: int) -> str:
    """Copy the files of folder `source` to `target`, one of them damaged; what was done."""
    rng = random.Random(seed)
    files = sorted(path for path in source.iterdir() if path.is_file())
    victim = rng.choice(files)
    done: list[str] = []
    for path in files:
        data = bytearray(path.read_bytes())
        if path == victim and zipfile.is_zipfile(path) and rng.random() < 0.7:
            data = _inside(data, rng)
            done.append("_inside")
        elif path == victim:
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                if data:
                    damage = rng.choice(_DAMAGE)
                    damage(data, rng)
                    done.append(damage.__name__)
        (target / path.name).write_bytes(data)
    return f"{victim.name}: {' '.join(done)}"
