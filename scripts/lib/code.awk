# SPDX-License-Identifier: MIT
# C source as "file:line:text", comments and the insides of literals taken out. The name in an #include stays.
# A comment `allow NAME: reason` in a line lets NAME be used there, so it is passed on as @allow(NAME).
/^[ \t]*#[ \t]*include/ && !comment {
    print file ":" FNR ":" $0
    next
}
{
    text = $0
    out = ""
    if (match(text, /allow [a-z_]+:/))
        out = "@allow(" substr(text, RSTART + 6, RLENGTH - 7) ") "
    n = length(text)
    quote = ""
    for (i = 1; i <= n; i++) {
        c = substr(text, i, 1)
        two = substr(text, i, 2)
        if (comment) {
            if (two == "*/") {
                comment = 0
                i++
            }
        } else if (quote != "") {
            if (c == "\\")
                i++
            else if (c == quote) {
                quote = ""
                out = out c
            }
        } else if (two == "/*") {
            comment = 1
            i++
            out = out " "
        } else if (two == "//") {
            break
        } else {
            if (c == "\"" || c == "'")
                quote = c
            out = out c
        }
    }
    print file ":" FNR ":" out
}
