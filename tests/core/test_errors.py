"""Messages name what was meant, and no value can garble them."""

import pytest

from kpi_lib.core.errors import DataError, KpiError, ReportError, UsageError, WorkspaceError, nearest, shown, unknown


@pytest.mark.parametrize("kind", [UsageError, WorkspaceError, DataError, ReportError])
def test_every_refusal_is_a_kpi_error(kind: type[KpiError]) -> None:
    with pytest.raises(KpiError, match="why"):
        raise kind("why")


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("purchse", ["search", "purchase"], "Did you mean purchase?"),
        ("SIGNUP", ["signup", "view"], "Did you mean signup?"),
        ("x", [], "There are none."),
        ("zzz", ["b", "a", "a"], "There are: a, b."),
        ("step", ["step_1", "step_2"], "Did you mean step_2 or step_1?"),
    ],
)
def test_the_nearest_name_is_offered(name: str, known: list[str], text: str) -> None:
    assert nearest(name, known) == text


def test_a_long_list_is_cut_and_counted() -> None:
    assert nearest("zzz", [f"k{i:02}" for i in range(30)]).endswith("k11 … (30 in all).")


def test_the_place_is_named() -> None:
    assert str(unknown("step", "by", ["buy"], where="kpi.toml")) == "unknown step 'by' in kpi.toml. Did you mean buy?"


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31mred", "line\u2028two", "\u202eabc", "x" * 500, "\x00", 10**80])
def test_no_value_can_garble_a_message(value: object) -> None:
    text = shown(value)
    assert text.isprintable()
    assert len(text) <= 60


def test_plain_values_stay_as_they_are() -> None:
    assert (shown("ä b"), shown(3), shown(None)) == ("'ä b'", "3", "None")
