"""Broken fixture files: the first line says the problem, ``# here`` marks the line to blame."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
GOOD = FOLDER / "good"


def broken(folder: str) -> list[str]:
    """The names of the broken files of a folder, one per kind of error."""
    found = (FOLDER / folder).rglob("*.yaml")
    return sorted(str(path.relative_to(FOLDER / folder).with_suffix("")) for path in found)


def broken_file(folder: str, name: str, into: Path) -> tuple[Path, str, int]:
    """A copy of the file, the problem it must report and the line it must blame."""
    text = (FOLDER / folder / f"{name}.yaml").read_text()
    lines = text.splitlines()
    line = next(number for number, content in enumerate(lines, 1) if content.endswith("# here"))
    copy = into / f"{name}.yaml"
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(text)
    return copy, lines[0].removeprefix("# ").removesuffix(" # here"), line
