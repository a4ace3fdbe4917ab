"""Scorecards from workspaces: of one, and of several products beside each other."""

import warnings
from collections.abc import Sequence
from datetime import timedelta

from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.scorecard import Scorecard, scorecard, watched
from kpi_lib.core.errors import DataError, KpiWarning, UsageError, shown
from kpi_lib.core.period import local_day
from kpi_lib.show.phrases import day_name
from kpi_lib.sources.findings import ERROR
from kpi_lib.sources.quality import stale
from kpi_lib.sources.workspace import Workspace, open_workspace


def scorecard_of(
    workspace: Workspace, names: Sequence[str] = (), *, period: str | None = None, every: str = "month"
) -> Scorecard:
    """How the KPIs of a workspace stand; without names those that it watches."""
    grid = workspace.grid(period or None, cadence=every)
    data, product = workspace.data.as_of(grid.ends[-1]), workspace.product
    chosen = names or watched(data, product, workspace.targets)
    star = product.get("north_star") if not names or product.get("north_star") in names else None
    return scorecard(data, chosen, grid, north_star=star, targets=workspace.targets, owners=workspace.owners)


def _reached(workspace: Workspace, period: str, every: str) -> str:
    """The period, if the data of a product reach into it: of one that ended before, nothing could be told."""
    if not period:
        return ""
    with warnings.catch_warnings(action="ignore", category=KpiWarning):  # what is told instead has data
        grid = workspace.grid(period, cadence=every)
    return (
        period
        if workspace.data.observed_from < grid.ends[-1] and grid.starts[0] < workspace.data.observed_until
        else ""
    )


def portfolio(
    workspace: Workspace, products: Sequence[str] = (), *, period: str = "", every: str = "month"
) -> Portfolio:
    """A workspace beside others, each with the KPIs that it watches; `products` are folders, seen from that workspace's.

    Without a period each product tells of its own last complete one, as does one whose data do not reach the period.
    Raises `UsageError` if two products have one name, `DataError` if the data of one are older than its `[freshness]` allows.
    """
    found = [workspace, *(open_workspace(workspace.folder / folder) for folder in products)]
    names = [each.name for each in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"two products are named {shown(twice[0])}; give each a name of its own in its kpi.toml.")
    for each in found[1:]:  # a report looks at the age of its own workspace itself
        if old := [finding for finding in stale(each) if finding.severity == ERROR]:
            raise DataError(f"the data of {shown(each.name)} are too old: {old[0].message}.\nMend: {old[0].mend}.")
    cards = {each.name: scorecard_of(each, period=_reached(each, period, every), every=every) for each in found}
    moment = timedelta(microseconds=1)  # the end of the data is the first instant that is not in them
    until = {each.name: day_name(local_day(each.data.observed_until - moment, each.data.zone)) for each in found}
    return Portfolio(cards, until, {each.name: each.data.fingerprint for each in found})
