"""The documents' own groups are tags of their KPIs, and a group that is not theirs is refused."""

import pytest

from kpi_lib.core.units import UP
from kpi_lib.kpis.documents import CLICKUP, GROUPS, KPIS_101, STANDARD, tags
from kpi_lib.kpis.registry import CONTEXTUAL, find


def test_groups_become_tags() -> None:
    assert tags((f"{KPIS_101}: support", CLICKUP, STANDARD)) == (f"{KPIS_101}: support",)
    assert [len(groups) for groups in GROUPS.values()] == [11, 5, 6, 3, 4]


def test_a_group_of_another_document_is_refused() -> None:
    with pytest.raises(ValueError, match="has no group 'support'"):
        tags((f"{CLICKUP}: support",))


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("activation_rate", f"{KPIS_101}: conversion and funnel"),
        ("ltv", f"{KPIS_101}: revenue and monetization"),  # listed twice
        ("ltv", f"{KPIS_101}: retention and churn"),
    ],
)
def test_a_kpi_carries_the_group_under_which_its_document_lists_it(name: str, group: str) -> None:
    assert group in tags(find(name).references)


def test_an_outcome_is_no_lever() -> None:
    """What only sums up others can be watched and not worked on; a way that is better it has all the same."""
    assert {find(name).use for name in ("total_revenue", "revenue_growth_rate", "profit_margin")} == {CONTEXTUAL}
    assert find("avg_customer_lifetime").direction == UP
