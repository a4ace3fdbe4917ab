"""The chart scripts that stand once in a live page: built from the installed package, kept on disk between runs."""

import os
import sys
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path

from kpi_lib.core.errors import ReportError
from kpi_lib.show.stills import VEGALITE_VERSION

# The three carry the same terms (BSD, three clauses), which ask to stand with every copy.
_NOTICE = """/*!
This script holds Vega, Vega-Lite and Vega-Embed.

Copyright (c) 2015, University of Washington Interactive Data Lab. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote
   products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
*/
"""
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@cache
def vega_bundle() -> str:
    """The scripts as text, notices first; the first call on a machine takes seconds, later ones read a file."""
    kept = cache_file()
    try:
        code = kept.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        code = _build()
        _keep(kept, code)
    if "</script" in code.lower() or "<!--" in code:
        raise ReportError(f"the chart scripts in {kept.name} cannot stand in a page. Remove that file and run again.")
    return _NOTICE + code


def cache_file() -> Path:
    """Where the scripts are kept: the user's cache, one file for each version of the drawing package."""
    default = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    base = Path(os.environ.get("XDG_CACHE_HOME") or default)
    return base / "kpi-workbench" / f"vega-{VEGALITE_VERSION}-{metadata.version('vl-convert-python')}.js"


def _build() -> str:
    """Let the drawing package put its scripts into one."""
    import vl_convert

    return vl_convert.javascript_bundle(_SNIPPET, vl_version=VEGALITE_VERSION)


def _keep(place: Path, code: str) -> None:
    """Keep the scripts for the next run, whole or not at all; a cache that cannot be written is none."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.parent, suffix=".tmp", delete=False) as file:
            file.write(code)
        Path(file.name).replace(place)
    except OSError:
        return
