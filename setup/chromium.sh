#!/bin/sh
# Find Chromium for the browser tests, or install Debian's where that is allowed. Never fails the run: the tests say
# themselves, loudly, when they could not run.
set -eu

found() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null 2>&1 && return 0
    done
    [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] ||
        [ -x "/Applications/Chromium.app/Contents/MacOS/Chromium" ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive "$@" </dev/null
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@" </dev/null
    fi
}

may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || sudo -n true >/dev/null 2>&1
}

if found; then
    exit 0
fi
if may_install; then
    echo "set-up: installing Chromium for the browser tests"
    as_root apt-get install -y -q --no-install-recommends chromium >/dev/null 2>&1 ||
        { as_root apt-get update -q >/dev/null 2>&1 &&
            as_root apt-get install -y -q --no-install-recommends chromium >/dev/null 2>&1; } || true
fi
if ! found; then
    cat >&2 <<'TEXT'
**********************************************************************
  THE BROWSER TESTS WILL NOT RUN: no Chromium was found.
  Debian, Ubuntu:  sudo apt install chromium
  macOS:           brew install --cask chromium
**********************************************************************
TEXT
fi
