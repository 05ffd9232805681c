#!/usr/bin/env bash
# cmake --install puts the four tools, their manuals and completions and the samples where they
# belong, and nothing else; each
# answers --version and --help on stdout, and a usage error with 64 and a hint on stderr.
. "$(dirname "$0")/../support/lib.sh"

tools=(mmerge popdump mparse mailsink)
bin=$MB_BIN

if [ -e "$MB_BUILD/cmake_install.cmake" ]; then
    case_begin "what is installed"
    expect_exit 0 cmake --install "$MB_BUILD" --prefix "$T/prefix"
    (cd "$T/prefix" && find . -type f | sort) >"$T/installed"
    {
        for tool in "${tools[@]}"; do
            printf './bin/%s\n./share/man/man1/%s.1\n' "$tool" "$tool"
            printf './share/bash-completion/completions/%s\n' "$tool"
            printf './share/zsh/site-functions/_%s\n' "$tool"
        done
        (cd "$MB_SOURCE/samples" && find . -type f ! -name '*~' ! -name '*.swp' -printf \
            './share/doc/mailbatch/examples/%P\n')
    } | sort >"$T/wanted"
    expect_same "$T/wanted" "$T/installed"
    [ -x "$T/prefix/share/doc/mailbatch/examples/quickstart.sh" ] || fail "quickstart.sh cannot run"

    case_begin "below /usr, zsh finds them with the other packages'"
    expect_exit 0 env DESTDIR="$T/staged" cmake --install "$MB_BUILD" --prefix /usr
    expect_equal "zsh's files" "_mailsink _mmerge _mparse _popdump" \
        "$(cd "$T/staged/usr/share/zsh/vendor-completions" && echo *)"
    expect_missing "$T/staged/usr/share/zsh/site-functions"

    case_begin "the quick start runs from what is installed"
    mkdir "$T/user"
    cd "$T/user"
    expect_exit 0 env PATH="$T/prefix/bin:$PATH" MB_BIN= \
        "$T/prefix/share/doc/mailbatch/examples/quickstart.sh"
    expect_line "They are in $T/prefix/bin." "$T/out"
    expect_line "came back byte for byte" "$T/out"
    [ -e "$T/user/mailbatch-quickstart/archive/open/000001.tar" ] || fail "there is no archive"

    for try in "$T"/prefix/share/doc/mailbatch/examples/*/try.sh; do
        sample=$(basename "$(dirname "$try")")
        case_begin "the sample $sample runs from what is installed"
        expect_exit 0 env PATH="$T/prefix/bin:$PATH" MB_BIN= "$try"
        expect_line "The messages, as they arrived: mailbatch-$sample/mailsink/new" "$T/out"
        [ -n "$(ls "$T/user/mailbatch-$sample/mailsink/new")" ] || fail "no message arrived"
    done

    case_begin "the quick start takes no folder with other files in it"
    mkdir "$T/mine"
    touch "$T/mine/precious"
    expect_exit 73 env PATH="$T/prefix/bin:$PATH" MB_BIN= \
        "$T/prefix/share/doc/mailbatch/examples/quickstart.sh" "$T/mine"
    expect_line "quickstart: $T/mine: there are files of yours in it" "$T/err"
    [ -e "$T/mine/precious" ] || fail "it is gone"
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
