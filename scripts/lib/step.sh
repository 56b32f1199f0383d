# SPDX-License-Identifier: MIT
# Read with `.` by ./check, ./demo and the long checks, from the project's root.

# step TEXT COMMAND...: runs it quietly, says how long it took; on failure shows the end of its output and exits.
step() {
    text=$1
    shift
    mkdir -p build
    began=$(date +%s)
    if "$@" >build/step.log 2>&1 </dev/null; then
        echo "$text: $(($(date +%s) - began)) s"
    else
        tail -n 60 build/step.log >&2
        echo "$text: failed: $*" >&2
        exit 1
    fi
}

# launcher: what cmake needs to be told to use ccache, if that is there.
launcher() {
    if command -v ccache >/dev/null 2>&1; then
        echo -DCMAKE_C_COMPILER_LAUNCHER=ccache
    fi
}

# build FOLDER PRESET [CMAKE-ARGUMENT...]: configures and builds build/FOLDER by that preset.
build() {
    folder=$1
    preset=$2
    shift 2
    # shellcheck disable=SC2046 # one word or none
    step "configure $folder" cmake --preset "$preset" -B "build/$folder" $(launcher) "$@"
    step "build $folder" cmake --build "build/$folder"
}
