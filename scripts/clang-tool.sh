#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tool.sh NAME: prints the command of LLVM 14's tool of that name; fails where there is none.
for command in "$1-14" "$1"; do
    if command -v "$command" >/dev/null 2>&1 && "$command" --version | grep -q 'version 14[.]'; then
        echo "$command"
        exit 0
    fi
done
exit 1
