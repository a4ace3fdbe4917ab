"""Members and cohorts weighed alike, and who is not gone: drawn from the figures, told with how sure they are."""

import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.reporting.notebooks import frames_of
from kpi_lib.shapes.cohort import CohortResult, Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.show.blocks import Say
from kpi_lib.show.charts import chart
from kpi_lib.show.cohort_curves import cohort_means, cohort_survival
from kpi_lib.show.phrases import plain
from kpi_lib.show.picture import Picture, drawable
from kpi_lib.show.stills import still
from kpi_lib.show.tables import table
from tests.build import told
from tests.show.results import figures, log, visits


def uneven() -> Dataset:
    """Six weeks with 2, 2, 40, 2, 2 and 2 newcomers: of the small cohorts all come back in the week after, of the large one none."""
    rows = []
    for week in range(6):
        for user in range(40 if week == 2 else 2):
            rows.append((f"u{week}-{user}", week * 168.0, "look", None))
            rows += [(f"u{week}-{user}", (week + 1) * 168.0, "look", None)] if week != 2 else []
    return log(rows, days=60)


def founded(picture: Picture, result: CohortResult) -> int:
    """Every figure of a picture stands in the frames of the result."""
    rows = [row for frame in frames_of(result) for row in frame.to_dicts()]
    found = [*figures(picture.note), *figures(picture.table)]
    for each in found:
        own = [row for row in rows if row["kpi"] == each.kpi and all(str(row[c]) == v for c, v in each.by)]
        assert [row[each.field] for row in own] == [each.value], each
    return len(found)


def test_cohorts_of_different_sizes_are_told_apart() -> None:
    result = cohorts(uneven(), Cohorts())
    picture = cohort_means(result)
    assert isinstance(picture, Picture)
    assert founded(picture, result) > 8
    assert picture.alt.startswith(
        "In week 1 20.0\u202f% of the members came back, 83.3\u202f% in the mean cohort (40.5 – 100\u202f%)"
    )
    assert picture.alt.endswith("small cohorts return more.")
    drawing = still(drawable(picture.wide))
    assert "members alike" in drawing
    assert "cohorts alike" in drawing


def test_what_chance_gives_is_no_difference() -> None:
    result = cohorts(visits(), Cohorts())
    picture = cohort_means(result)
    assert isinstance(picture, Picture)
    assert "more than chance gives" in picture.alt
    assert founded(picture, result) > 8


def test_who_is_not_gone() -> None:
    """Of four one stays away at once, one comes back once, two come every week; nobody is judged before two weeks."""
    text = "".join(
        f"u{user} 01-{5 + 7 * week:02} use\n" for user, last in enumerate((0, 1, 3, 3)) for week in range(last + 1)
    )
    result = cohorts(told(text, until="02-02"), Cohorts(gone_after=2))
    picture = cohort_survival(result)
    assert isinstance(picture, Picture)
    assert result.curve["survival"].to_list() == [1.0, 1.0, 0.75, 0.5]
    assert picture.alt.startswith("After week 3 still 50.0\u202f% (")
    assert "half were gone after week 3" in picture.alt
    assert "stayed away for 2 weeks in a row" in picture.alt
    assert founded(picture, result) == 3 + 4 * 3


def test_what_cannot_be_told_or_asked_is_said() -> None:
    nobody = cohorts(log([]), Cohorts(gone_after=2))
    for told_ in (cohort_means(nobody), cohort_survival(nobody)):
        assert isinstance(told_, Say)
        assert "cannot be told yet" in plain(told_.phrase)
    with pytest.raises(UsageError, match="gone_after"):
        cohort_survival(cohorts(visits(), Cohorts()))
    for draw in (cohort_means, cohort_survival):
        with pytest.raises(UsageError, match="leave the segments out"):
            draw(cohorts(visits().with_by(("plan",)), Cohorts(gone_after=2)))


def test_a_beginning_in_mid_life_stands_under_the_table() -> None:
    rows = [(f"a{user}", 0.0, "look", None) for user in range(30)]
    rows += [(f"b{week}{user}", week * 168.0, "look", None) for week in range(1, 6) for user in range(3)]
    assert "may have come before the data begin" in plain(table(cohorts(log(rows), Cohorts())).note)


def test_a_phone_shows_times_in_full() -> None:
    picture = chart(funnel(log([("u", 0.0, "look", None), ("u", 17.22, "buy", None)]), Funnel(("look", "buy"))))
    assert picture.narrow is not None
    assert "median 17 h 13 min<" in still(drawable(picture.narrow))
