"""Recurring revenue by the plainest reading of its definitions: ask for every customer what was running just before an instant.

A subscription is (customer, start, end or None, monthly cents). It runs at an instant when start < instant ≤ end.
"""

Subscription = tuple[str, int, int | None, int]
Amounts = dict[str, int]
Change = tuple[int, int, int]


def at(subscriptions: list[Subscription], customer: str, instant: int) -> int:
    return sum(
        cents
        for who, start, end, cents in subscriptions
        if who == customer and start < instant and (end is None or instant <= end)
    )


def after(subscriptions: list[Subscription], customer: str, instant: int) -> int:
    return sum(
        cents
        for who, start, end, cents in subscriptions
        if who == customer and start <= instant and (end is None or instant < end)
    )


def changes(subscriptions: list[Subscription], customer: str) -> list[Change]:
    """Every instant at which the customer's MRR changes: (instant, before, after)."""
    mine = [s for s in subscriptions if s[0] == customer and (s[2] is None or s[1] < s[2]) and s[3] > 0]
    instants = sorted({s[1] for s in mine} | {s[2] for s in mine if s[2] is not None})
    pairs = [(t, at(mine, customer, t), after(mine, customer, t)) for t in instants]
    return [each for each in pairs if each[1] != each[2]]


def back(found: list[Change], instant: int, within: int | None) -> bool:
    """Whether somebody who arrives has paid before, and stopped not longer ago than that."""
    left = [t for t, _, later in found if t < instant and later == 0]
    return bool(left) and (within is None or instant - left[-1] <= within)


def bridge(
    subscriptions: list[Subscription],
    period: tuple[int, int],
    *,
    events: bool = False,
    both: bool = True,
    within: int | None = None,
) -> dict[str, Amounts]:
    """The movements of every customer who had MRR at the start, at the end or in between."""
    begin, stop = period
    whole = {}
    for customer in {s[0] for s in subscriptions}:
        found = changes(subscriptions, customer)
        inside = [each for each in found if begin <= each[0] < stop]
        ends = at(subscriptions, customer, begin), at(subscriptions, customer, stop)
        if ends == (0, 0) and not inside:
            continue
        counted = inside if events else net(inside, ends, stop)
        moved = summed([] if ends == (0, 0) and not both else counted, found, within)
        whole[customer] = {"opening": ends[0], "closing": ends[1], **moved}
    return whole


def net(inside: list[Change], ends: tuple[int, int], stop: int) -> list[Change]:
    """The changes of a period taken together: one, or in and out again."""
    if ends[0]:
        return [(stop, *ends)]
    arrival = next(each for each in inside if each[1] == 0)
    return [(arrival[0], *ends)] if ends[1] else [arrival, (stop, arrival[2], 0)]


def summed(steps: list[Change], found: list[Change], within: int | None) -> Amounts:
    moved = dict.fromkeys(("new", "expansion", "reactivation", "contraction", "churn"), 0)
    for time, before, now in steps:
        if before == 0:
            moved["reactivation" if back(found, time, within) else "new"] += now
        elif now == 0:
            moved["churn"] += before
        else:
            moved["expansion"] += max(now - before, 0)
            moved["contraction"] += max(before - now, 0)
    return moved
