"""The documents' own groups are tags of their KPIs, and a group that is not theirs is refused."""

import pytest

from kpi_lib.kpis.documents import CLICKUP, GROUPS, KPIS_101, STANDARD, tags


def test_groups_become_tags() -> None:
    assert tags((f"{KPIS_101}: support", CLICKUP, STANDARD)) == (f"{KPIS_101}: support",)
    assert [len(groups) for groups in GROUPS.values()] == [11, 5, 6, 3, 4]


def test_a_group_of_another_document_is_refused() -> None:
    with pytest.raises(ValueError, match="has no group 'support'"):
        tags((f"{CLICKUP}: support",))
