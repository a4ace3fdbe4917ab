"""A page is the notebook's story in the reader's order, in equal bytes each time."""

import json
import re
from typing import Any

import nbformat
import pytest

from kpi_lib.reporting.page import Head, page, read
from kpi_lib.show.blocks import Headline, Pill, Pills, Say
from kpi_lib.show.notebook import bundle

HEAD = Head(workspace="<shop>", report="weekly", title="Week 46")
text = nbformat.v4.new_markdown_cell


def code(source: str, *data: dict[str, Any]) -> Any:  # noqa: ANN401 - a notebook cell
    outputs = [nbformat.v4.new_output("display_data", each) for each in data]
    return nbformat.v4.new_code_cell(source, outputs=outputs)


def story(*cells: Any) -> Any:  # noqa: ANN401 - notebook cells
    return nbformat.v4.new_notebook(cells=list(cells))


def test_the_sentences_come_before_the_quality_of_the_data_and_both_before_the_rest() -> None:
    quality, headline = bundle(Pills((Pill("fresh"),))), bundle(Headline(("Up",)))
    told = read(story(code("a", {"text/plain": "first"}), code("b", quality), code("c", headline)))
    assert [re.findall(r'class="([\w-]+)', part)[0] for part in told.top.parts] == [
        "kpi-headline",
        "kpi-pills",
        "printed",
    ]


def test_every_heading_opens_a_section_with_its_code_folded() -> None:
    cells = [text("# Q\nwho"), code("x = 1"), text("## One *two*\nwords\n\n## Three"), code("y = 2", bundle(Say("z")))]
    told = read(story(*cells))
    assert told.question == "Q"
    assert [section.name for section in told.sections] == ["One two", "Three"]
    assert told.sections[0].code == []
    assert "kpi-say" in told.sections[1].parts[0]
    written = page(story(*cells), HEAD)
    assert written.count("How this was computed") == 1
    assert written.count("How this report was set up") == 1
    assert "&lt;shop&gt; · weekly" in written


def test_the_lines_on_top_hold_no_character_that_cannot_be_seen() -> None:
    odd = Head(workspace="a\x00\u202eb", report="c\x1b", title="d\ufffe", notice="e\x08")
    written = page(story(text("# Q\nwho")), odd)
    assert not re.search("[\x00-\x08\x1b\u202e\ufffe]", written)
    assert "a␀�b" in written


def test_without_charts_there_is_no_script() -> None:
    assert "<script" not in page(story(code("x", {"text/plain": "1"})), HEAD)


def test_print_gets_charts_without_scripts(demo_chart: dict[str, Any]) -> None:
    made = story(code("x", demo_chart))
    assert "<script" in page(made, HEAD)
    still = page(made, HEAD, live=False)
    assert "<script" not in still
    assert "<svg" in still


def test_the_same_story_gives_the_same_bytes_and_another_story_another_number(demo_chart: dict[str, Any]) -> None:
    pages = [page(story(code(source, demo_chart)), HEAD) for source in ("x", "x", "y")]
    assert pages[0] == pages[1]
    numbers = [re.findall(r"'nonce-([^']+)'", each)[0] for each in pages]
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.fixture
def demo_chart() -> dict[str, Any]:
    import altair as alt
    import polars as pl

    from kpi_lib.show.picture import chart_bundle

    chart = alt.Chart(pl.DataFrame({"a": ["</script>"], "b": [1]})).mark_bar().encode(x="b", y="a")
    return chart_bundle(chart.to_dict(), "one bar")


def test_specs_cannot_end_their_script(demo_chart: dict[str, Any]) -> None:
    written = page(story(code("x", demo_chart)), HEAD)
    specs = re.findall(r'id="kpi-specs"[^>]*>(.*?)</script>', written, re.DOTALL)[0]
    assert "<" not in specs
    assert "</script>" in json.dumps(json.loads(specs))
