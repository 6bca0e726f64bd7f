#!/bin/sh
# The browser for tests/browser: used if there is one, installed if we may, else named in one line.
set -eu

found() {
  for name in chromium chromium-browser google-chrome-stable google-chrome; do
    # Ubuntu's package of that name is a shell script that asks for a snap.
    if "$name" --version >/dev/null 2>&1; then return 0; fi
  done
  ls "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}"/chromium-*/chrome-linux*/chrome >/dev/null 2>&1
}

if found; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Chromium for the browser tests."
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq chromium >/dev/null || true
  if found; then exit 0; fi
  .venv/bin/playwright install --with-deps chromium >/dev/null || true
  if found; then exit 0; fi
fi
echo "The browser tests need Chromium: sudo apt-get install chromium (on Ubuntu: sudo .venv/bin/playwright install --with-deps chromium)" >&2
if [ "${CI:-}" = true ]; then exit 1; fi
