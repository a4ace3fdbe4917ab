"""Random shops for laws that hold for every KPI: events, orders with refunds, users; odd zones, odd weeks, no two times alike.

Further tables come from the modules `tables_*.py` beside this one. Each has a function `tables(draw, start, until, users)`:
frames by canonical name, drawn for the observed time [start, until) and these users. Columns that it gives for `users` are
added to ours; any other table has one maker. A module may also have
- `SETTINGS`: choices that its KPIs need,
- `WITHOUT_USERS`: KPIs whose units are nobody's although a table that they read knows users,
- `ONCE`: tables that stay as they are when there are twice the people, such as what competitors do.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, Grid, midnight
from kpi_lib.core.schema import TABLES
from kpi_lib.kpis.registry import base_of, catalogue
from kpi_lib.shapes.funnel import Funnel
from tests.build import instant, moment, transactions

DAY = 86_400_000_000
FIRST, DAYS = "02-01", 77
# clocks change in the first two; the last has 30 minutes
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")
SEEDS = tuple(range(len(ZONES)))
USERS = tuple(f"u{i}" for i in range(50))
MORE = tuple(import_module(f"tests.registry.{path.stem}") for path in sorted(Path(__file__).parent.glob("tables_*.py")))
OURS: Mapping[str, Any] = {
    "goal_event": "buy",
    "start_event": "view",
    "goal_within": "3d",
    "activation_event": "buy",
    "activation_within": "3d",
    "login_events": ["login"],
    "action_events": ["buy", "view"],
}


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """All choices together; two that disagree are a mistake, because a world has one of each."""
    whole: dict[str, Any] = {}
    for name, value in (item for part in parts for item in part.items()):
        if whole.setdefault(name, value) != value:
            raise ValueError(f"the worlds set {name} to {whole[name]!r} and to {value!r}")
    return whole


SETTINGS = merged(OURS, *(getattr(module, "SETTINGS", {}) for module in MORE))
WITHOUT_USERS = frozenset(name for module in MORE for name in getattr(module, "WITHOUT_USERS", ()))
ONCE = frozenset(name for module in MORE for name in getattr(module, "ONCE", ()))
CHOICES: Mapping[str, Any] = {
    "settings": SETTINGS,
    "features": {"search": ("search", "view"), "checkout": ("buy",), "unused": ("never",)},
    "funnels": {"main": Funnel(("view", "search", "buy"), within="2d")},
}
NAMES = tuple(catalogue())


@cache
def world(seed: int) -> Dataset:
    """A shop of 50 people over eleven weeks."""
    draw, zone = Random(seed), ZONES[seed]
    start = int(moment(FIRST, zone).timestamp()) * 1_000_000
    fresh = _times(draw, start)
    columns = {"user_id": pl.String, "time": INSTANT, "event": pl.String, "plan": pl.String}
    countries = [draw.choice(("DE", "FR", None)) for _ in range(48)]
    tables = {
        "events": pl.DataFrame(_visits(draw, fresh, zone), schema=columns, orient="row").with_columns(
            version=pl.format("1.{}", (pl.int_range(pl.len()) * 7) % 40)
        ),
        "transactions": transactions(_sales(draw, fresh)).with_columns(product="p" + pl.col("order_id").str.slice(-1)),
        "users": pl.DataFrame({"user_id": [f"u{i}" for i in range(48)], "country": countries}),
    }
    until = start + DAYS * DAY - 3_600_000_000 * (seed < 2)  # the clocks went forward
    for module in MORE:  # with its own luck each, so that a new module leaves the others' tables as they were
        drawn = module.tables(Random(f"{module.__name__} {seed}"), instant(start), instant(until), USERS)
        tables = joined(tables, drawn)
    inside = {
        name: frame.filter(pl.col("time") < instant(until)) if "time" in frame.columns else frame
        for name, frame in tables.items()
    }
    return made(inside, zone=zone, since=start, until=until)


def joined(tables: Mapping[str, pl.DataFrame], more: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Further tables beside those that are there, further columns for users."""
    more = dict(more)
    users = more.pop("users", None)
    if twice := sorted(set(tables) & set(more)):
        raise ValueError(f"two makers of the table {twice[0]}")
    whole = {**tables, **more}
    if users is not None:
        whole["users"] = tables["users"].join(users, on="user_id", how="left", maintain_order="left", validate="1:1")
    return whole


def twofold(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Every row twice, the second time with other ids; what is known by its name, as a product is, stays single."""
    twins = {}
    for name, frame in tables.items():
        known = [column for column in TABLES[name] if column.name in frame.columns]
        single = name in ONCE or any(column.key and column.kind != "id" for column in known)
        other = frame.with_columns(pl.col(column.name) + "x" for column in known if column.kind == "id")
        twins[name] = frame if single else pl.concat([frame, other])
    return twins


def of_users(name: str) -> bool:
    """Whether a KPI's units belong to users, so that they can be renamed, doubled and cut by what users are."""
    kpi = catalogue()[name]
    if kpi.components:
        return all(of_users(base_of(part)[1]) for part in kpi.components)
    tables = {each.split(".")[0] for each in kpi.inputs}
    return name not in WITHOUT_USERS and any("user_id" in world(0).columns(table) for table in tables)


def _visits(draw: Random, fresh: Iterator[int], zone: str) -> list[tuple[str, datetime, str, str | None]]:
    events = [
        (
            f"u{user}",
            instant(next(fresh)),
            draw.choice(("view", "view", "search", "buy", "login")),
            draw.choice(("pro", "free", None)),
        )
        for user in range(45)
        for _ in range(draw.choice((1, 2, 5, 9, 30)))
    ]
    # soon after an event another one, so that sessions have a length
    events += [
        (u, t + timedelta(seconds=draw.randrange(1, 1_700), microseconds=draw.randrange(10**6)), e, p)
        for u, t, e, p in events[::2]
    ]
    for week in range(1, 11):  # and sessions over the edges of weeks, as seen from here
        edge = midnight(moment(FIRST).date() + timedelta(days=7 * week), zone)
        for second in range(2):
            user = f"u{draw.randrange(45)}"
            events += [(user, edge + timedelta(minutes=m, seconds=second), "view", "pro") for m in (-10, 10)]
    return events


def _sales(draw: Random, fresh: Iterator[int]) -> list[tuple[str, datetime, int, str, str]]:
    rows = []
    for number in range(150):
        user, time, cents = f"u{draw.randrange(5, 50)}", instant(next(fresh)), draw.randrange(100, 20_000)
        rows.append((user, time, cents, f"o{number}", "sale"))
        if draw.random() < 0.2:
            later = time + timedelta(days=draw.randrange(1, 20), microseconds=1)
            rows.append((user, later, -cents, f"o{number}", "refund"))
    return rows


def _times(draw: Random, start: int) -> Iterator[int]:
    taken: set[int] = set()
    while True:
        time = start + draw.randrange(DAYS * DAY - DAY // 12)
        if draw.random() < 0.1:  # on the edge of a day in UTC
            time = time // DAY * DAY
        if time not in taken and time >= start:
            taken.add(time)
            yield time


def made(tables: Mapping[str, pl.DataFrame], *, zone: str, since: int, until: int) -> Dataset:
    """A data set with the choices that every KPI asks for."""
    return Dataset.of(tables, zone=zone, observed_from=instant(since), observed_until=instant(until), **CHOICES)


def remade(data: Dataset, tables: Mapping[str, pl.DataFrame]) -> Dataset:
    """The same data set with other rows."""
    edges = {"observed_from": data.observed_from, "observed_until": data.observed_until}
    return Dataset.of(tables, zone=data.zone, **edges, **CHOICES)


def grid_of(data: Dataset, every: str = "week") -> Grid:
    """All periods that touch the observed time."""
    first = moment(FIRST).date()
    return Grid.calendar(every, first, first + timedelta(days=DAYS), zone=data.zone)


class Figures(dict[str, pl.DataFrame]):
    """The table of every KPI on one grid, each computed when it is first asked for."""

    def __init__(self, data: Dataset, grid: Grid, by: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._asked = (data, grid, by)

    def __missing__(self, name: str) -> pl.DataFrame:
        self[name] = compute(name, *self._asked).table
        return self[name]


@cache
def usual(seed: int, every: str = "week", by: tuple[str, ...] = ()) -> Figures:
    """All KPIs of a world as it is."""
    return Figures(world(seed), grid_of(world(seed), every), by)
