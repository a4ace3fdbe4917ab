"""Which tests share a worker, and which start first, when the suite runs on several cores (`pytest -n`)."""

import pytest
from xdist.scheduler import LoadScopeScheduling

# what takes long in one piece starts first, so that no worker is left with it at the end; small pieces fill the gaps
FIRST = (
    "tests/browser/test_lab",
    "tests/notebooks/",
    "tests/report/",
    "tests/reporting/",
    "tests/house/",
    "tests/docs/",
)
LAST = "tests/registry/"


class Pieces(LoadScopeScheduling):
    """Hands out pieces in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return piece(nodeid)


def piece(nodeid: str) -> str:
    """What runs in one worker: a file, because its tests share what was dear to make; or the laws of one KPI.

    >>> piece("tests/registry/test_laws.py::test_the_input_stays_as_it_was[1-dau]")
    'tests/registry/ dau'
    """
    file, _, test = nodeid.partition("::")
    if file.startswith("tests/report/"):
        return "tests/report/"  # they look at the same two rendered reports
    if file.startswith(LAST) and test.endswith("]"):
        return f"{LAST} {test[:-1].rpartition('[')[2].rpartition('-')[2]}"
    return file


def turn(item: pytest.Item) -> int:
    """When a test has its turn: the lower, the sooner."""
    early = next((at for at, place in enumerate(FIRST) if item.nodeid.startswith(place)), len(FIRST))
    return early + item.nodeid.startswith(LAST)
