# SPDX-License-Identifier: MIT
# Reads CTest's JUnit report: counts, lists skips with their reasons, and holds them against the expected ones.
# A test that passes while cmocka skipped some of its cases counts as passed, and its skips are held to the
# same list.
function plain(text) {
    gsub(/&lt;/, "<", text)
    gsub(/&gt;/, ">", text)
    gsub(/&quot;/, "\"", text)
    gsub(/&apos;/, "'", text)
    gsub(/&amp;/, "\\&", text)
    return text
}

# fits(GLOB, NAME): `*` stands for any characters, nothing else is special in the name of a test.
function fits(glob, name) {
    gsub(/[.]/, "[.]", glob)
    gsub(/[*]/, ".*", glob)
    return name ~ ("^" glob "$")
}

# allowed(NAME, REASON): says what was skipped, and whether the list lets it.
function allowed(name, reason,    i, why) {
    for (i = 1; i <= rows; i++)
        if (fits(glob[i], name)) {
            if (index(true_here, " " condition[i] " ")) {
                printf "skipped: %s: %s\n", name, reason
                return 1
            }
            why = why ", though what it " words[i] " is here"
        }
    printf "skipped against expectation: %s: %s%s\n", name, reason, why
    return 0
}

function finish() {
    if (name == "")
        return
    if (status == "notrun" && skip) {
        if (allowed(name, reason == "" ? "gives no reason" : reason))
            skipped++
        else
            failed++
    } else if (status == "run" && (partial == "" || allowed(name, "cases" partial))) {
        passed++
    } else {
        failed++
        if (status != "run")
            print "failed: " name
    }
    name = ""
}

BEGIN {
    while ((getline line < names) > 0)
        test[++tests] = line
    while ((getline line < expected) > 0) {
        if (line ~ /^#/ || line ~ /^[ \t]*$/)
            continue
        rows++
        split(line, part, /[ \t]+/)
        glob[rows] = part[1]
        words[rows] = line
        sub(/^[^ \t]+[ \t]+/, "", words[rows])
        condition[rows] = words[rows]
        gsub(/ /, "-", condition[rows])
        found = 0
        for (i = 1; i <= tests && !found; i++)
            found = fits(glob[rows], test[i])
        if (!found) {
            printf "expected-skips.txt: no test is called %s\n", glob[rows]
            failed++
        }
    }
}

/^\t<testcase / {
    finish()
    name = $0
    sub(/^.* name="/, "", name)
    sub(/".*$/, "", name)
    status = $0
    sub(/^.* status="/, "", status)
    sub(/".*$/, "", status)
    skip = 0
    reason = partial = ""
}
/<skipped / { skip = 1 }
/[Ss]kipped:/ && reason == "" {
    reason = plain($0)
    sub(/^.*[Ss]kipped: */, "", reason)
}
/^(\t\t<system-out>)?\[  SKIPPED \] [^0-9]/ {
    case_name = plain($0)
    sub(/^.*\] /, "", case_name)
    sub(/<\/system-out>.*$/, "", case_name)
    if (!index(partial " ", " " case_name " "))
        partial = partial " " case_name
}
END {
    finish()
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0
}
