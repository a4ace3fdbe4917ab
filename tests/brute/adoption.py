"""Who takes up which feature, user by user and feature by feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from .periods import Calendar
from .rows import Row, as_rows

Features = Mapping[str, Sequence[str]]
Launches = Mapping[str, int | None]


def uses(rows: Iterable[Row], feature: str, features: Features, launches: Launches) -> list[Row]:
    """The events that show a feature's use, from its launch on; a feature without a known launch was always there."""
    out = launches.get(feature, 0)
    return [row for row in rows if out is not None and row.time >= out and row.event in features[feature]]


def taken_up(
    rows: Iterable[tuple[Any, ...]],
    features: Features,
    launches: Launches,
    *,
    period: tuple[int, int],
    zone: str,
    min_uses: int = 1,
) -> dict[str, dict[str, Any]]:
    """For each feature: who could see it, who used it often enough, how often, and on how many active days."""
    calendar, found = Calendar(zone), {}
    inside = [row for row in as_rows(rows) if period[0] <= row.time < period[1]]
    for feature in features:
        out = launches.get(feature, 0)
        since = [row for row in inside if out is not None and row.time >= out]
        counts = {user: 0 for user in (row.unit for row in since)}
        for row in uses(inside, feature, features, launches):
            counts[row.unit] += 1
        own = {user for user, count in counts.items() if count >= min_uses}
        days = {(row.unit, calendar.day_of(row.time)) for row in since if row.unit in own}
        found[feature] = {
            "eligible": len(counts),
            "adopters": len(own),
            "uses": sum(counts[user] for user in own),
            "active_days": len(days),
        }
    return found


def breadth(
    rows: Iterable[tuple[Any, ...]],
    features: Features,
    launches: Launches,
    *,
    period: tuple[int, int],
    min_uses: int = 1,
) -> dict[int, int]:
    """How many active users use no feature, one, two …"""
    inside = [row for row in as_rows(rows) if period[0] <= row.time < period[1]]
    found: dict[int, int] = {}
    for user in {row.unit for row in inside}:
        own = [row for row in inside if row.unit == user]
        count = sum(len(uses(own, feature, features, launches)) >= min_uses for feature in features)
        found[count] = found.get(count, 0) + 1
    return found


def waits(
    rows: Iterable[tuple[Any, ...]],
    feature: str,
    features: Features,
    launches: Launches,
    *,
    signups: Mapping[str, int],
    observed: tuple[int, int],
) -> list[tuple[int, bool]]:
    """How long each user waited from the first moment at which they could see a feature, and whether they used it then."""
    listed, out, found = as_rows(rows), launches.get(feature, 0), []
    if out is None:
        return []
    for user in {row.unit for row in listed} | set(signups):
        moments = [row.time for row in listed if row.unit == user] + [at for own, at in signups.items() if own == user]
        if out > observed[0]:  # the launch was seen: whoever was there before it starts with the next visit
            moments = [each for each in moments if each >= out]
        if not moments or min(moments) < observed[0] or min(moments) >= observed[1]:
            continue
        used = [row.time for row in uses(listed, feature, features, launches) if row.unit == user]
        found.append((min(used, default=observed[1]) - min(moments), bool(used)))
    return found


def share_by(lives: Sequence[tuple[int, bool]], time: int) -> float | None:
    """The Kaplan-Meier share that has used it by then; unknown where nobody was watched so long."""
    left = 1.0
    for at in sorted({wait for wait, used in lives if used and wait <= time}):
        risk = sum(wait >= at for wait, _ in lives)
        left *= 1 - sum(used and wait == at for wait, used in lives) / risk
    watched = any(wait >= time for wait, _ in lives) or (lives and left <= 1e-12)
    return 1 - left if watched else None


def half_by(lives: Sequence[tuple[int, bool]]) -> float | None:
    """The time by which half have used it; where exactly half have, the middle up to the next one who does."""
    times = sorted({wait for wait, used in lives if used})
    steps, value = [], 1.0
    for at in times:
        risk = sum(wait >= at for wait, _ in lives)
        value *= 1 - sum(used and wait == at for wait, used in lives) / risk
        steps.append((at, value))
    half = next((at for at, value in steps if value <= 0.5 + 1e-9), None)
    if half is None:
        return None
    return (half + next((at for at, value in steps if value < 0.5 - 1e-9), half)) / 2


def corners(rates: Mapping[str, float], depths: Mapping[str, float]) -> dict[str, str]:
    """Where each feature in use stands against the median of them."""
    many, often = min(median(rates.values()), 0.5), median(depths.values())
    names = {(True, True): "keep", (False, True): "promote", (True, False): "watch", (False, False): "drop"}
    return {feature: names[rates[feature] >= many, depths[feature] >= often] for feature in rates}
