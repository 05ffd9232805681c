#!/usr/bin/env bash
# Formatting, self-contained headers, manuals and shell scripts.
. "$(dirname "$0")/../support/lib.sh"

cd "$MB_SOURCE"

if need_program "clang-format" clang-format; then
    case_begin "clang-format changes nothing"
    mapfile -d '' sources < <(find common include tools tests -name '*.[ch]' \
        -not -path 'tests/data/*' -not -path 'tests/fuzz/corpus/*' -print0)
    expect_exit 0 clang-format --dry-run --Werror --ferror-limit=1 "${sources[@]}"
    case_begin "clang-format is asked for real"
    printf 'int  f( ){return 1;}\n' >"$T/a.c"
    cp .clang-format "$T"
    expect_exit 1 clang-format --dry-run --Werror "$T/a.c"
fi

if [ -e "$MB_BUILD/build.ninja" ]; then
    case_begin "every public header compiles by itself"
    expect_exit 0 cmake --build "$MB_BUILD" --target all_verify_interface_header_sets
else
    skip "every public header compiles by itself" "$MB_BUILD is no build folder"
fi

if need_program "manuals" mandoc; then
    for tool in mmerge popdump mparse mailsink; do
        manual=tools/$tool/$tool.1
        case_begin "$manual"
        # Which other manuals are installed is the machine's affair.
        mandoc -Tlint "$manual" 2>&1 | grep -E "^mandoc: $manual" |
            grep -vF "referenced manual not found" >"$T/findings" || true
        expect_equal "mandoc's words" "" "$(cat "$T/findings")"
    done
fi

if need_program "a manual with a mistake" mandoc; then
    case_begin "a manual with a mistake is found"
    printf '.Dd November 23, 2026\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Bogus\n' >"$T/a.1"
    mandoc -Tlint "$T/a.1" >"$T/findings" 2>&1 || true
    expect_line "mandoc: $T/a.1:6:" "$T/findings"
fi

if need_program "shell scripts" shellcheck; then
    case_begin "shellcheck finds nothing"
    mapfile -d '' scripts < <(find .ci samples tests tools -type f \
        \( -name '*.sh' -o -path .ci/run \) -print0)
    expect_exit 0 shellcheck -x -S warning -e SC2120 -P "$MB_SOURCE:SCRIPTDIR" "${scripts[@]}"
    expect_equal "shellcheck's words" "" "$(cat "$T/out")"
fi

case_begin "every shell test and every unit test is registered"
for file in tests/{integration,faults,lint}/*.sh; do
    [ -e "$file" ] || continue
    kind=$(basename "$(dirname "$file")")
    grep -Eq "mailbatch_script_test\($kind $(basename "$file" .sh)( |\))" tests/CMakeLists.txt ||
        fail "$file is in no ctest"
    [ -x "$file" ] || fail "$file cannot be executed"
done
for file in tests/unit/test-*.c; do
    name=$(basename "$file" .c)
    grep -Eq "mailbatch_unit_test\(${name#test-}( |\$)" tests/CMakeLists.txt || fail "$file is in no ctest"
done
