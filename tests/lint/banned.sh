#!/usr/bin/env bash
# Banned calls and texts are nowhere in the sources, and each kind is found when one is added.
. "$(dirname "$0")/../support/lib.sh"

check=$MB_SOURCE/tools/dev/check-banned

# row NAME FILE LINE [WANTED]: LINE alone in FILE is found; without WANTED it is allowed.
row()
{
    case_begin "$1"
    rm -rf "$T/tree"
    mkdir -p "$(dirname "$T/tree/$2")"
    printf '\n%s\n' "$3" >"$T/tree/$2"
    if [ -z "${4:-}" ]; then
        expect_exit 0 "$check" "$T/tree"
        return
    fi
    expect_exit 1 "$check" "$T/tree"
    expect_line "$2:2: " "$T/err"
    expect_line "$4" "$T/err"
}

case_begin "the tree holds nothing banned"
expect_exit 0 "$check"

for call in sprintf vsprintf strcpy strcat strncpy strncat strtok atoi atol gets scanf sscanf alloca \
    g_alloca g_newa system strerror gmtime; do
    row "$call" common/base/a.c "    x = $call(y);" "$call is banned"
done
row "a blank before the parenthesis" tools/mmerge/a.c '    strcpy (a, b);' "strcpy is banned"
row "a banned call in a test" tests/unit/test-a.c '    strcat(a, b);' "strcat is banned"
row "a longer name" common/base/a.c '    mb_strcpy(a); g_strcat_all(b); fgets(c);'
row "a member of that name" common/base/a.c '    x->gets(y); z.atoi(1);'
row "in a comment" common/base/a.c '/* never strcpy(a, b) */ // nor atoi(x)'
row "in a string" common/base/a.c '    f("strcpy(a, b)");'
row "with a reason" tools/mmerge/a.c '    strcpy(a, b); /* check-banned: the size is checked above */'
row "the library prints" common/smtp/a.c '    g_print("x");' "g_print in library code"
row "the library reads the environment" common/smtp/a.c '    getenv("X");' "reads the environment"
row "the library exits" common/smtp/a.c '    exit(1);' "exit in library code"
row "a tool prints" tools/mmerge/a.c '    g_print("x"); exit(1);'
row "SQL in a tool" tools/mmerge/send.c '    q("SELECT a FROM b");' "SQL outside"
row "SQL over two literals" tools/popdump/fetch.c '    q("INSERT " "INTO b VALUES (1)");' "SQL outside"
row "SQL in the library" common/archive/a.c '    q("PRAGMA journal_mode=WAL");' "SQL outside"
row "SQL in the ledger" tools/mmerge/ledger-rows.c '    q("SELECT a FROM b");'
row "SQL in the catalog" tools/popdump/catalog.c '    q("DELETE FROM b");'
row "a path of one machine" tests/integration/a.sh "cd /""home/someone/src" "path of one machine"
row "unfinished work" common/mime/a.c "/* TO""DO: the rest */" "unfinished work"

case_begin "a file that is too long"
rm -rf "$T/tree"
mkdir -p "$T/tree/common/base"
seq 501 | sed 's/.*/int i&;/' >"$T/tree/common/base/long.c"
expect_exit 1 "$check" "$T/tree"
expect_line "common/base/long.c:501: " "$T/err"
sed -i 1d "$T/tree/common/base/long.c"
expect_exit 0 "$check" "$T/tree"
