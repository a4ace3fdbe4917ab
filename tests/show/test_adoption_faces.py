"""The adoption of features in sentences, tables and charts: what stands apart, what nobody uses, what cannot be told."""

from datetime import date

import pytest
from hypothesis import given

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.reporting.notebooks import frames_of
from kpi_lib.shapes.adoption import Adoption, adoption
from kpi_lib.show.blocks import Table
from kpi_lib.show.charts import chart
from kpi_lib.show.faces import faces
from kpi_lib.show.phrases import plain
from kpi_lib.show.picture import Picture, drawable
from kpi_lib.show.say import say
from kpi_lib.show.stills import still
from kpi_lib.show.tables import table
from tests.build import told
from tests.shapes.test_adoption import CROWD, FOUR
from tests.show.results import HOSTILE, figures, logs

WEEK = parse_period("2026-W02", zone="UTC")
WEEKS = Grid.calendar("week", date(2026, 1, 5), date(2026, 1, 26), zone="UTC")


def of(text: str = CROWD, names: tuple[str, ...] = tuple(FOUR), grid: Grid = WEEK) -> Adoption:
    return adoption(told(text, features={name: (name,) for name in names}), grid)


def test_the_sentence_names_what_stands_apart() -> None:
    assert plain(say(of()).phrase) == (
        "In the week of 5 January 2026 much was used by most: 80.0\u202f% (71.1 – 86.7\u202f%) of 100 who could see it. On average "
        "somebody active used 1.7 of 5 features. Few used often (10.0\u202f%), but those often: worth showing to more people. Few used "
        "little (10.0\u202f%), and those rarely: a candidate to be dropped. Nobody used none."
    )


def test_what_cannot_be_told_says_why() -> None:
    assert plain(say(of(names=())).phrase).startswith("No features are declared: name them under [features]")
    assert "nobody who was active could see one" in plain(say(of("-")).phrase)
    assert "nobody of 100 used any" in plain(say(of(names=("none",))).phrase)
    assert len(faces(of(names=()))) == len(faces(of("-"))) == 1


def test_every_figure_stands_in_the_frames_of_the_result() -> None:
    by_plan = "\n".join(f"{line} {'free' if at % 3 else 'paid'}" for at, line in enumerate(CROWD.splitlines()))
    split = adoption(told(by_plan, features=FOUR).with_by(("plan",)), WEEK)
    for result in (of(), of(grid=WEEKS), split):
        rows = [row for frame in frames_of(result) for row in frame.to_dicts()]
        parts: list[object] = [say(result), table(result)]
        parts += [part.table for part in faces(result) if isinstance(part, Picture)]
        found = [each for part in parts for each in figures(part)]
        assert len(found) > 20
        for each in found:
            own = [row for row in rows if row["kpi"] == each.kpi and all(str(row[c]) == v for c, v in each.by)]
            own = [row for row in own if not each.start or str(row["start"]) == each.start]
            assert [row[each.field] for row in own] == [each.value], each


def test_the_table_tells_where_each_feature_stands() -> None:
    shown = table(of())
    assert isinstance(shown, Table)
    assert {plain(row[0]): plain(row[-1]) for row in shown.rows} == {  # type: ignore[arg-type]
        "much": "many, often: keep",
        "often": "few, often: promote",
        "rare": "many, rarely: watch",
        "little": "few, rarely: drop?",
        "none": "unused: drop?",
    }


def test_the_quadrant_names_its_corners_and_every_feature_in_use() -> None:
    picture = chart(of())
    drawing = still(drawable(picture.wide))
    for words in ("many, often: keep", "few, often: promote", "many, rarely: watch", "few, rarely: drop?"):
        assert drawing.count(words) >= 1
    for name in ("much", "rare", "often", "little"):
        assert f">{name}<" in drawing
    assert ">none<" not in drawing
    assert "Unused: none" in plain(picture.note)
    assert picture.narrow is not None
    assert "few, often: promote" in still(drawable(picture.narrow))


@pytest.mark.parametrize("grid", [WEEK, WEEKS])
def test_names_of_features_may_be_anything(grid: Grid) -> None:
    names = {name or "(empty)": (name,) for name in HOSTILE}
    data = told(CROWD, features=names | FOUR)
    for part in faces(adoption(data, grid)):
        if isinstance(part, Picture):
            assert part.narrow is not None
            assert "<script>" not in still(drawable(part.wide)) + still(drawable(part.narrow))


@given(logs)
def test_any_log_has_a_face(data: Dataset) -> None:
    named = Dataset.of(
        data.tables, observed_from=data.observed_from, observed_until=data.observed_until,
        features={"look": ("look",), "more": ("cart", "buy"), **{f"h{at}": (name,) for at, name in enumerate(HOSTILE)}},
    )  # fmt: skip
    for seen in (named, named.with_by(("plan",))):
        result = adoption(seen, WEEKS)
        assert plain(say(result).phrase)
        assert all(part is not None for part in faces(result))
