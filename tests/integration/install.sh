#!/usr/bin/env bash
# cmake --install puts the four tools and their manuals where they belong, and nothing else; each
# answers --version and --help on stdout, and a usage error with 64 and a hint on stderr.
. "$(dirname "$0")/../support/lib.sh"

tools=(mmerge popdump mparse mailsink)
bin=$MB_BIN

if [ -e "$MB_BUILD/cmake_install.cmake" ]; then
    case_begin "what is installed"
    expect_exit 0 cmake --install "$MB_BUILD" --prefix "$T/prefix"
    (cd "$T/prefix" && find . -type f | sort) >"$T/installed"
    for tool in "${tools[@]}"; do
        printf './bin/%s\n./share/man/man1/%s.1\n' "$tool" "$tool"
    done | sort >"$T/wanted"
    expect_same "$T/wanted" "$T/installed"
    bin=$T/prefix/bin
else
    skip "what is installed" "$MB_BUILD is no build folder"
fi

for tool in "${tools[@]}"; do
    case_begin "$tool --version and --help"
    expect_exit 0 "$bin/$tool" --version
    expect_line "$tool " "$T/out"
    expect_equal "words on stderr" "" "$(cat "$T/err")"
    expect_exit 0 "$bin/$tool" --help
    expect_line "sage" "$T/out"
    expect_equal "words on stderr" "" "$(cat "$T/err")"

    case_begin "$tool: a usage error"
    expect_exit 64 "$bin/$tool" --no-such-option
    expect_equal "words on stdout" "" "$(cat "$T/out")"
    expect_line "$tool: " "$T/err"
    expect_line "--help" "$T/err"
done
