#!/bin/sh
# SPDX-License-Identifier: MIT
# install-browser.sh [--find]: Chromium, for the tests of pages. With --find only its path, or a failure.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" 2>/dev/null; then
        exit 0
    fi
done
[ "${1:-}" != --find ] || exit 1
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core
command -v chromium
