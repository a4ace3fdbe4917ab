"""Nothing that people can use is left undocumented, and nothing is documented that is not there."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import kpi_lib
from kpi_lib.cli.main import VERBS
from kpi_lib.sources.manifest import SECTIONS

Text = Callable[[str], str]
LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def maker(root: Path) -> ModuleType:
    """The script that makes the catalogue's page."""
    spec = importlib.util.spec_from_file_location("make_kpis", root / "docs" / "make_kpis.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_kpis_is_up_to_date(maker: ModuleType, text: Text) -> None:
    assert text("docs/kpis.md") == maker.page(), "run docs/make_kpis.py"


def test_every_kpi_is_on_the_page_with_all_its_fields(text: Text) -> None:
    page = text("docs/kpis.md")
    entries = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, flags=re.MULTILINE | re.DOTALL))
    assert set(entries) == set(kpi_lib.catalogue())
    fields = ["Formula", "Unit", "Measured as", "Inputs", "Settings", "Ripeness", "Watch with", "Sources", "Corrected"]
    assert {name: [f for f in fields if f"- **{f}:** " not in entry] for name, entry in entries.items()} == {
        name: [] for name in entries
    }
    titles = {name: kpi.title for name, kpi in kpi_lib.catalogue().items()}
    assert [name for name, entry in entries.items() if f"*{titles[name]}.*" not in entry] == []


def test_sources_are_named_by_title(text: Text) -> None:
    titles = set(re.findall(r"\*\*Sources:\*\* (.*)", text("docs/kpis.md")))
    assert titles
    assert not [line for line in titles if re.search(r"\b[sS]ource \d|\bdoc(ument)? \d", line)]


def test_every_public_name_is_explained(text: Text) -> None:
    page = text("docs/library.md")
    rows = set(re.findall(r"`(\w+)[`(]", page))
    assert [name for name in kpi_lib.__all__ if name not in rows] == []


def test_every_verb_is_in_the_readme(text: Text) -> None:
    readme = text("README.md")
    assert [verb for verb in VERBS if f"`kpi {verb}" not in readme] == []


def test_every_section_of_the_workspace_file_is_explained(text: Text) -> None:
    readme = text("README.md")
    assert [name for name in SECTIONS if not re.search(rf"`\[+{name}", readme)] == []


def test_every_status_is_in_the_glossary(text: Text) -> None:
    known = {"ok", "early", "partial", "ripening", "small_n", "no_denominator", "no_segment", "needs_choice"}
    code = "".join(path.read_text("utf-8") for path in (Path(kpi_lib.__file__).parent / "answers").glob("*.py"))
    assert known <= set(re.findall(r'"([a-z_]+)"', code))
    assert [word for word in known if f"{word}" not in text("docs/GLOSSARY.md")] == []


def test_links_lead_somewhere(page: str, root: Path, text: Text) -> None:
    here = (root / page).parent
    anchors = {f"#{re.sub(r'[^a-z0-9_ -]', '', h.lower()).replace(' ', '-')}" for h in HEADING.findall(text(page))}
    for target, anchor in LINK.findall(text(page)):
        if target.startswith(("http:", "https:")):
            continue
        assert not target or (here / target).exists(), f"{page}: {target}"
        assert target or not anchor or anchor in anchors, f"{page}: {anchor}"


def test_every_decision_has_its_page(root: Path) -> None:
    pages = sorted((root / "docs" / "adr").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        body = page.read_text("utf-8")
        assert body.startswith(f"# {int(page.name[:4])}. "), page.name
        for part in ("**Status:**", "## Why", "## Decision", "## What follows"):
            assert part in body, f"{page.name}: {part}"
        assert len(body.splitlines()) <= 60, f"{page.name} is longer than a page"
