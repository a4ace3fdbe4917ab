"""Runs notebooks cell by cell in one plain IPython shell, as a kernel would but at a tenth of its cost.

python -m tests.notebooks.shell WORKSPACE NOTEBOOK… prints JSON: for each notebook how its cells ended and what they showed.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

HTML_MIME = "application/vnd.kpi.html"
PICTURE_MIME = "application/vnd.kpi.picture+json"


def main(workspace: str, *notebooks: str) -> None:
    """Run each notebook in a fresh namespace."""
    os.environ["KPI_WORKSPACE"] = workspace
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    print(json.dumps({Path(each).stem: played(shell, Path(each)) for each in notebooks}))


def played(shell: Any, notebook: Path) -> list[dict[str, Any]]:  # noqa: ANN401 - IPython is untyped
    """What each code cell said: its error (or nothing), its markup, its charts' descriptions."""
    from IPython.utils.capture import capture_output

    shell.reset(new_session=False)
    shown: list[Any] = []
    shell.displayhook.write_output_prompt = lambda: None
    shell.displayhook.write_format_data = lambda data, _=None: shown.append(data)
    told = []
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        text = "".join(cell["source"])
        shown.clear()
        with capture_output() as captured:
            result = shell.run_cell(text)
        error = result.error_before_exec or result.error_in_exec
        bundles = [*(output.data for output in captured.outputs), *shown]
        told.append({
            "cell": text.splitlines()[0],
            "error": f"{type(error).__module__}.{type(error).__name__}: {error}" if error else "",
            "html": [bundle[HTML_MIME] for bundle in bundles if HTML_MIME in bundle],
            "charts": [bundle[PICTURE_MIME]["alt"] for bundle in bundles if PICTURE_MIME in bundle],
            "stars": [bundle[PICTURE_MIME]["tile"] or "" for bundle in bundles if PICTURE_MIME in bundle],
            "below": [bundle[PICTURE_MIME]["below"] for bundle in bundles if PICTURE_MIME in bundle],
            "printed": "" if error else captured.stdout + captured.stderr,
        })  # fmt: skip
        if error:
            break
    return told


if __name__ == "__main__":
    main(*sys.argv[1:])
