"""What became of a report that was to be made."""

from dataclasses import dataclass, field
from pathlib import Path

Place = tuple[str, str, tuple[tuple[str, str], ...]]  # what, in which column, and where


@dataclass(frozen=True, slots=True)
class Addends:
    """What of a report can be added up: its figures by their place; `apart` names the KPIs that cannot be."""

    sums: dict[Place, float] = field(default_factory=dict)
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A report that was made or not: status is done, unchanged (the same report stood there already) or failed."""

    name: str
    period: str
    by: dict[str, str]
    status: str
    folder: Path
    seconds: float
    error: str | None = None
    addends: Addends = field(default=Addends(), repr=False)
