#!/bin/sh
# SPDX-License-Identifier: MIT
# check-format.sh [ROOT]: every source file is as clang-format 14 writes it. `make format` does that.
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

format=$("$lib/../clang-tool.sh" clang-format) || {
    echo "skipped: needs clang-format 14"
    exit 77
}
sources src include tests examples bench >"${TMPDIR:-/tmp}/rst-format.$$"
trap 'rm -f "${TMPDIR:-/tmp}/rst-format.$$"' EXIT
if ! xargs -r "$format" --dry-run -Werror --ferror-limit=1 <"${TMPDIR:-/tmp}/rst-format.$$"; then
    echo "format: run \`make format\`" >&2
    exit 1
fi
echo "format: ok"
