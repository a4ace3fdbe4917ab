"""What a handful of KPIs needs beside it: the three families, a counter-metric for each, and what drives the north star."""

from collections.abc import Iterable, Mapping
from typing import Any

from kpi_lib.kpis.registry import VANITY, Kpi, base_of, catalogue, find

USAGE, MONEY, SATISFACTION = "usage", "money", "satisfaction"
PAYING = {"transactions", "subscriptions", "costs", "marketing_spend", "deals"}
FAMILIES: Mapping[str, tuple[str, ...]] = {  # what to add when a family is missing, the first that the data allow
    USAGE: ("wau", "active_users", "new_users"),
    MONEY: ("arpu", "total_revenue", "mrr"),
    SATISFACTION: ("nps", "csat", "support_csat", "avg_review_rating"),
}
ASKED = ("satisfaction",)
USED = ("acquisition", "engagement", "adoption", "retention", "conversion")
NORTH_STARS = {"commerce": ("active_customers", "wau"), "": ("wau", "active_customers")}
# what moves a figure that is no formula of others; those of derived KPIs are their parts
DRIVERS_AS_TEXT = """
dau: wau stickiness avg_session_duration
wau: new_users activation_rate retention_day_7 feature_adoption_rate
mau: new_users activation_rate user_retention_rate feature_adoption_rate
active_users: new_users activation_rate user_retention_rate feature_adoption_rate
active_customers: new_customers repeat_purchase_rate
total_revenue: orders average_order_value
orders: active_customers repeat_purchase_rate
repeat_purchase_rate: new_customers csat
mrr: new_customers arpa customer_churn_rate
retention_day_7: activation_rate feature_adoption_rate
user_retention_rate: activation_rate feature_adoption_rate
nps: csat first_response_time bug_resolution_time
"""
DRIVERS = {line.split(":")[0]: tuple(line.split(":")[1].split()) for line in DRIVERS_AS_TEXT.strip().splitlines()}


def family(kpi: Kpi) -> str:
    """Usage, money or satisfaction, as the documents group figures; "" for how the product is made and run."""
    if kpi.category in ASKED or kpi.name == "support_csat":
        return SATISFACTION
    if kpi.unit.money or kpi.category == "monetization" or (kpi.category in USED and kpi.tables & PAYING):
        return MONEY
    return USAGE if kpi.category in USED else ""


def families(names: Iterable[str]) -> dict[str, list[str]]:
    """The KPIs of each family.

    >>> families(["dau", "arpu", "uptime"])
    {'usage': ['dau'], 'money': ['arpu'], 'satisfaction': []}
    """
    listed = [(family(find(name)), name) for name in names]
    return {each: [name for own, name in listed if own == each] for each in FAMILIES}


def missing(names: Iterable[str], lacking: Mapping[str, list[str]]) -> dict[str, str]:
    """The families that none of the KPIs is of, each with one to add."""
    return {each: _first(FAMILIES[each], lacking) for each, own in families(names).items() if not own}


def counters(names: Iterable[str], lacking: Mapping[str, list[str]]) -> dict[str, str]:
    """What would show that a KPI was reached the wrong way: of its counter-metrics the first that the data allow.

    A KPI whose better way depends on the product and that names none has none.
    """
    return {name: _first(find(name).counter, lacking) for name in names if find(name).counter}


def neighbour(kpi: Kpi) -> str:
    """What to watch instead of a figure of vanity: the first of its counter-metrics that is none itself, else ""."""
    return next((name for name in kpi.counter if find(name).use != VANITY), "")


def vanity(names: Iterable[str]) -> dict[str, str]:
    """Those that look good and explain nothing, each with the figure to act on instead."""
    return {name: neighbour(find(name)) for name in names if find(name).use == VANITY}


def north_star(profile: str | None, lacking: Mapping[str, list[str]]) -> str:
    """A figure to put in the middle while nobody has chosen one."""
    return _first(NORTH_STARS.get(profile or "", NORTH_STARS[""]), lacking)


def drivers(name: str, depth: int = 2) -> list[dict[str, Any]]:
    """What a figure is made of or moved by, and those in turn: a tree of kpi and inputs, each KPI once.

    >>> [(each["kpi"], [inner["kpi"] for inner in each["inputs"]]) for each in drivers("total_revenue")]
    [('orders', ['active_customers', 'repeat_purchase_rate']), ('average_order_value', [])]
    """
    return _below(name, depth, {name})


def _below(name: str, depth: int, seen: set[str]) -> list[dict[str, Any]]:
    parts = dict.fromkeys(base_of(part)[1] for part in catalogue()[name].components) or DRIVERS.get(name, ())
    here = [part for part in parts if part not in seen]
    seen.update(here)
    return [{"kpi": part, "inputs": _below(part, depth - 1, seen) if depth > 1 else []} for part in here]


def _first(names: Iterable[str], lacking: Mapping[str, list[str]]) -> str:
    listed = list(names)
    return next((name for name in listed if not lacking.get(name)), listed[0])
