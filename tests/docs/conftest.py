"""The pages for people, and what stands in their code blocks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+) *([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `page` runs for every page."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def text() -> Callable[[str], str]:
    """Read a page."""
    return lambda page: (ROOT / page).read_text("utf-8")


@pytest.fixture(scope="session")
def blocks(text: Callable[[str], str]) -> Callable[..., list[str]]:
    """The code blocks of a page in one language."""
    return lambda page, language: [body for kind, _, body in FENCE.findall(text(page)) if kind == language]


@pytest.fixture(scope="session")
def files(text: Callable[[str], str]) -> Callable[[str], dict[str, str]]:
    """The code blocks of a page that carry the name of a file."""
    return lambda page: {name: body for _, name, body in FENCE.findall(text(page)) if name}
