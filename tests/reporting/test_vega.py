"""The chart scripts are built once on a machine and then read."""

from pathlib import Path

import pytest

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting import vega


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(vega, "vega_bundle", vega.vega_bundle.__wrapped__)


def test_built_once_then_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vega, "_build", lambda: "scripts()")
    first = vega.vega_bundle()
    assert first.endswith("scripts()")
    assert "Redistribution and use" in first
    assert vega.cache_file().read_text() == "scripts()"
    monkeypatch.setattr(vega, "_build", lambda: pytest.fail("built again"))
    assert vega.vega_bundle() == first


def test_a_cache_that_cannot_be_written_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kpi-workbench").touch()
    monkeypatch.setattr(vega, "_build", lambda: "scripts()")
    assert vega.vega_bundle().endswith("scripts()")


def test_scripts_that_would_end_their_element_are_refused() -> None:
    vega.cache_file().parent.mkdir()
    vega.cache_file().write_text("a</SCRIPT>b")
    with pytest.raises(ReportError, match="Remove that file"):
        vega.vega_bundle()


def test_the_real_ones_bring_all_three() -> None:
    bundle = vega.vega_bundle()
    assert "window.vegaEmbed" in bundle
    assert len(bundle) > 500_000
