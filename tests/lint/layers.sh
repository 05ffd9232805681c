#!/usr/bin/env bash
# No include crosses the layers, and each kind of crossing is found when one is added to a copy.
. "$(dirname "$0")/../support/lib.sh"

check=$MB_SOURCE/tools/dev/check-layers

# row NAME FILE LINE WANTED: LINE, added to FILE of a copy, is found and FILE is named.
row()
{
    local name=$1 file=$2 line=$3 wanted=$4

    case_begin "$name"
    mkdir -p "$(dirname "$T/tree/$file")"
    cp "$MB_SOURCE/$file" "$T/before" 2>/dev/null || : >"$T/before"
    { cat "$T/before"; echo "$line"; } >"$T/tree/$file"
    expect_exit 1 "$check" "$T/tree"
    expect_equal "lines found" 1 "$(wc -l <"$T/err")"
    expect_line "$file:$(($(wc -l <"$T/before") + 1)): " "$T/err"
    expect_line "$wanted" "$T/err"
    if [ -e "$MB_SOURCE/$file" ]; then
        cp "$T/before" "$T/tree/$file"
    else
        rm "$T/tree/$file"
    fi
}

case_begin "the tree keeps its layers"
expect_exit 0 "$check"

mkdir "$T/tree"
cp -r "$MB_SOURCE"/{common,include,tools} "$T/tree"
case_begin "a copy of the tree passes"
expect_exit 0 "$check" "$T/tree"

row "a module includes one above it" common/base/added.c \
    '#include <mailbatch/smtp/session.h>' "base may not include smtp"
row "a module includes one beside it" common/smtp/added.c \
    '#include <mailbatch/pop3/session.h>' "smtp may not include pop3"
row "a public header includes one above it" include/mailbatch/base/text.h \
    '# include <mailbatch/net/stream.h>' "base may not include net"
row "a third-party header away from its home" common/source/added.c \
    '#include <archive.h>' "has its home elsewhere"
row "a third-party header in a public header" include/mailbatch/store/store.h \
    '#include <sqlite3.h>' "a public header may not show"
row "an internal header of another module" common/pop3/added.c \
    '#include "../net/tls.h"' "is not in pop3's folder"
row "an include of nothing" common/csv/added.c \
    '#include <mailbatch/base/nothing.h>' "there is no mailbatch/base/nothing.h"
row "a tool includes another" tools/mmerge/added.c \
    '#include "../popdump/archive.h"' "is not in mmerge's folder"
row "a tool includes a third-party header" tools/popdump/added.c \
    '#include <openssl/ssl.h>' "through the library only"
row "a target links what its row does not name" common/csv/CMakeLists.txt \
    'mailbatch_module(csv MODULES base net)' "csv may not link net"

case_begin "a folder that is no module"
mkdir "$T/tree/common/extra"
expect_exit 1 "$check" "$T/tree"
expect_line "common/extra: not a module" "$T/err"
