"""Where figures come from: the tables that were read, the days that were observed, and the files behind them."""

from dataclasses import dataclass
from datetime import date, timedelta

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import local_day


@dataclass(frozen=True, slots=True)
class Origin:
    """What a result was made from: tables, first and last observed day in the zone of the data, and their fingerprint."""

    tables: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    zone: str = ""
    fingerprint: str = ""


def origin_of(data: Dataset, *tables: str) -> Origin:
    """The origin of what is computed from these tables of a dataset; none named: from its activity."""
    last = local_day(data.observed_until - timedelta(microseconds=1), data.zone)
    named = tuple(name for name in tables or (data.activity,) if name in data.tables)
    return Origin(named, local_day(data.observed_from, data.zone), last, data.zone, data.fingerprint)
