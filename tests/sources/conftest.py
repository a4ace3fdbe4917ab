"""A workspace from a few lines of text, with a clock that stands still."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kpi_lib.sources.workspace import Workspace, open_workspace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Maker = Callable[..., Workspace]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Write files and a kpi.toml into a folder and open it; bytes and text both do."""

    def build(toml: str, folder: str = "w", /, **files: str | bytes) -> Workspace:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (root / "kpi.toml").write_text(toml, encoding="utf-8")
        return open_workspace(root, now=NOW)

    return build
