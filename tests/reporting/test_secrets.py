"""What counts as a secret of the environment, and what does not."""

from pathlib import Path

import pytest

from kpi_lib.reporting.kernel import environment, secrets


def test_where_a_shell_stands_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("OLDPWD", str(tmp_path / "before"))
    assert str(tmp_path) not in secrets()
    assert environment(tmp_path)["PWD"] == str(tmp_path)


@pytest.mark.parametrize("name", ["DB_PWD", "MY_PASSWORD", "API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"])
def test_secrets_are_known_by_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv(name, "canary-9f31")
    assert "canary-9f31" in secrets()
    assert name not in environment(tmp_path)
