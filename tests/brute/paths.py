"""The paths answer, walking through each session as a person would read it out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from .rows import MINUTE, Row, as_rows, by_unit

Move = tuple[int, str, str]


def session_events(rows: Iterable[tuple[Any, ...]], gap: int) -> list[tuple[str, list[Row]]]:
    """Each session with its user; events of one instant in the order of their names."""
    found: list[tuple[str, list[Row]]] = []
    for user, own in by_unit(as_rows(rows)).items():
        session: list[Row] = []
        for row in sorted(own, key=lambda each: (each.time, each.event)):
            if session and row.time - session[-1].time > gap:
                found.append((user, session))
                session = []
            session.append(row)
        found.append((user, session))
    return found


def spoken(session: list[Row], *, collapse: bool) -> list[str]:
    """The events of a session one after the other; the same one several times in a row once, if asked."""
    names = [row.event for row in session]
    return [name for at, name in enumerate(names) if at == 0 or not collapse or name != names[at - 1]]


def walk(names: list[str], from_event: str | None, to_event: str | None) -> list[str]:
    """The part of a session that is asked for; nothing where it does not hold what is asked."""
    if from_event is not None:
        if from_event not in names:
            return []
        names = names[names.index(from_event) :]
    if to_event is not None:
        since = 0 if from_event is None else 1
        if to_event not in names[since:]:
            return []
        names = names[: names.index(to_event, since) + 1]
    return names


def steps_shown(names: list[str], max_steps: int, *, from_the_end: bool) -> tuple[list[tuple[int, str]], str, str]:
    """The steps that are shown with their numbers, and what lies before and behind them."""
    if from_the_end:
        numbered = [(max_steps - (len(names) - 1 - at), name) for at, name in enumerate(names)]
    else:
        numbered = [(at + 1, name) for at, name in enumerate(names)]
    shown = [(step, name) for step, name in numbered if 1 <= step <= max_steps]
    before = "(start)" if shown[0] == numbered[0] else "(more)"
    return shown, before, "(end)" if shown[-1] == numbered[-1] else "(more)"


def paths(
    rows: Iterable[tuple[Any, ...]],
    *,
    from_event: str | None = None,
    to_event: str | None = None,
    max_steps: int = 5,
    top: int = 5,
    collapse: bool = True,
    gap: int = 30 * MINUTE,
    period: tuple[int, int] | None = None,
) -> dict[Move, tuple[int, int]]:
    """Sessions and users of each move (step, from, to); a move of step k leads to step k + 1."""
    walks = []
    for user, session in session_events(rows, gap):
        inside = period is None or period[0] <= session[0].time < period[1]
        names = walk(spoken(session, collapse=collapse), from_event, to_event) if inside else []
        if names:
            shown = steps_shown(names, max_steps, from_the_end=to_event is not None and from_event is None)
            walks.append((user, *shown))
    counts: dict[int, dict[str, int]] = {}
    for _, shown, _, _ in walks:
        for step, name in shown:
            own = counts.setdefault(step, {})
            own[name] = own.get(name, 0) + 1
    kept = {
        step: {from_event, to_event, *sorted(own, key=lambda n: (-own[n], n))[:top]} for step, own in counts.items()
    }
    found: dict[Move, list[str]] = {}
    for user, shown, before, behind in walks:
        called = [(step, name if name in kept[step] else "(other)") for step, name in shown]
        line = [(shown[0][0] - 1, before), *called, (shown[-1][0] + 1, behind)]
        for (step, left), (_, right) in pairwise(line):
            found.setdefault((step, left, right), []).append(user)
    return {move: (len(users), len(set(users))) for move, users in found.items()}
