"""Small workspaces that notebooks must live with: hardly anything, nothing at all, hostile names, a skipped midnight."""

import csv
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

EVENTS = ("user_id", "time", "event", "plan")
ORDERS = ("user_id", "time", "amount", "currency", "plan")
START = datetime(2026, 3, 2, 8)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "line one\nline two\r\nthree",
    "bell\x07 null-like \x01\x1b[31m red",
    "$x^2$ `code` **bold** [link](javascript:alert(3))",
    "L" + "o" * 297 + "ng",
    "'; DROP TABLE users; --",
    "datum['value'] + \\u0027 {{ template }} {% raw %}",
    "\u202egnp.exe \u200b عربى 漢字 👩‍👩‍👧",
)


def write(folder: Path, toml: str, **tables: tuple[tuple[str, ...], Iterable[tuple[object, ...]]]) -> Path:
    """A workspace of these tables as CSV files."""
    folder.mkdir(parents=True)
    for name, (header, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
    (folder / "kpi.toml").write_text(toml, "utf-8")
    return folder


def toml(tables: str, *, zone: str = "UTC", until: str = "2026-05-04", more: str = "") -> str:
    """The text of a kpi.toml over tables in CSV files of their own names."""
    head = f'[workspace]\nname = "Small"\ntimezone = "{zone}"\ncurrency = "EUR"\nobserved_until = {until}\n'
    parts = "".join(f'\n[tables.{name}]\npath = "{name}.csv"\ntimezone = "{zone}"\n' for name in tables.split())
    reports = '\n[reports.weekly]\nnotebook = "weekly-review"\nevery = "week"\n'
    reports += '\n[reports.monthly]\nnotebook = "monthly-review"\nevery = "month"\n'
    return f"{head}{parts}{more}{reports}"


FUNNEL = '\n[funnels.way]\nsteps = ["look", "buy"]\nwithin = "24h"\n'
ORDER_FUNNEL = '\n[funnels.way]\nsteps = ["purchase@1", "purchase@2"]\n'


def minimal(folder: Path) -> Path:
    """One user with one event."""
    return write(folder, toml("events", more=FUNNEL), events=(EVENTS, [("u", START, "look", "free")]))


def one_event(folder: Path) -> Path:
    """People who log in, and nothing else is recorded; no funnel is declared."""
    rows = [(f"u{at % 7}", START + timedelta(hours=31 * at), "login", "free") for at in range(40)]
    return write(folder, toml("events"), events=(EVENTS, rows))


def nothing_declared(folder: Path) -> Path:
    """A header and nothing below it, and nothing said about it."""
    return write(folder, toml("events"), events=(EVENTS, []))


def minimal_orders(folder: Path) -> Path:
    """One customer with one order."""
    rows = [("u", START, "12.50", "EUR", "free")]
    return write(folder, toml("transactions", more=ORDER_FUNNEL), transactions=(ORDERS, rows))


def empty(folder: Path) -> Path:
    """A header and nothing below it."""
    return write(folder, toml("events", more=FUNNEL), events=(EVENTS, []))


def empty_orders(folder: Path) -> Path:
    """A header of orders and nothing below it."""
    return write(folder, toml("transactions", more=ORDER_FUNNEL), transactions=(ORDERS, []))


def spread(names: Iterable[str]) -> list[tuple[object, ...]]:
    """Forty users over nine weeks, who go through these events in turn, with the same names as plans."""
    events = list(names)
    rows: list[tuple[object, ...]] = []
    for user in range(40):
        begin = START + timedelta(hours=7 * user)
        for week in range(user % 9):
            at = begin + timedelta(days=7 * week)
            done = events[: 1 + (user + week) % len(events)]
            rows += [
                (f"u{user}", at + timedelta(minutes=nth), name, events[user % len(events)])
                for nth, name in enumerate(done)
            ]
    return rows


def quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = "".join(f"\\u{ord(each):04x}" if ord(each) < 32 or each in '"\\' else each for each in text)
    return f'"{escaped}"'


def hostile(folder: Path) -> Path:
    """Events, plans, features and a funnel step with names that try to break out of a page."""
    steps = ", ".join(quoted(name) for name in HOSTILE[:4])
    features = "".join(f"{quoted(name[:60])} = [{quoted(name)}]\n" for name in HOSTILE)
    more = f'\n[funnels.way]\nsteps = [{steps}]\nwithin = "24h"\n\n[features]\n{features}'
    return write(folder, toml("events", more=more), events=(EVENTS, spread(HOSTILE)))


def hostile_orders(folder: Path) -> Path:
    """Orders of users and plans with such names."""
    rows = [
        (f"{HOSTILE[at % len(HOSTILE)]}{row[0]}", row[1], f"{at % 50}.99", "EUR", row[3])
        for at, row in enumerate(spread(HOSTILE))
    ]
    return write(folder, toml("transactions", more=ORDER_FUNNEL), transactions=(ORDERS, rows))


def skipped(folder: Path) -> Path:
    """A zone whose clocks change twice, once at midnight: no day begins at 0:00, and an hour comes twice."""
    start = datetime(2025, 8, 25)
    ends = datetime(2026, 4, 13)
    rows = []
    for at in range(1_200):
        time = start + timedelta(hours=4.6 * at)
        if time < ends and not datetime(2025, 9, 7) <= time < datetime(2025, 9, 7, 1):
            rows.append((f"u{at % 23}", time, ("look", "buy")[at % 3 == 0], "free"))
    tables = toml("events", zone="America/Santiago", until="2026-04-13", more=FUNNEL)
    return write(folder, tables, events=(EVENTS, rows))


ALL: dict[str, Callable[[Path], Path]] = {
    each.__name__: each
    for each in (
        minimal,
        minimal_orders,
        empty,
        empty_orders,
        one_event,
        nothing_declared,
        hostile,
        hostile_orders,
        skipped,
    )
}
