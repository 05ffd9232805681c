#!/usr/bin/env bash
# The Debian package: cpack makes it of the release build, lintian has no errors for it, and on a
# bare Debian 12 apt installs it, the quick start, the manuals and the completions work, and nothing
# of it is left when it is removed.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

tools=(mmerge popdump mparse mailsink)

# The package is of an optimised build without sanitizers: this one, or build/release as it is now.
release_build()
{
    local folder

    for folder in "$MB_BUILD" "$MB_SOURCE/build/release"; do
        if grep -qs '^CMAKE_BUILD_TYPE:STRING=RelWithDebInfo$' "$folder/CMakeCache.txt" &&
            grep -qs '^MAILBATCH_SANITIZE:STRING=$' "$folder/CMakeCache.txt" &&
            cmake --build "$folder" --target "${tools[@]}" -- -n | grep -q 'no work to do'; then
            release=$folder
            return 0
        fi
    done
    return 1
}

if ! release_build; then
    mb_lacking "package" "no release build is up to date: cmake --build --preset release" || exit 0
fi
need_program "package" dpkg-shlibdeps || exit 0

case_begin "cpack makes one package"
cd "$release"
expect_exit 0 cpack -G DEB -B "$T/pack"
packages=("$T"/pack/*.deb)
expect_equal "packages" 1 "${#packages[@]}"
deb=${packages[0]}
expect_equal "name and section" "mailbatch mail" \
    "$(dpkg-deb -W --showformat '${Package} ${Section}' "$deb")"
expect_line "libgmime-3.0-0 (>= " <(dpkg-deb -f "$deb" Depends)

case_begin "it holds what belongs into it"
dpkg-deb --fsys-tarfile "$deb" | tar tf - >"$T/files"
for tool in "${tools[@]}"; do
    for file in "bin/$tool" "share/man/man1/$tool.1.gz" "share/zsh/vendor-completions/_$tool" \
        "share/bash-completion/completions/$tool"; do
        expect_line "./usr/$file" "$T/files"
    done
done
for file in copyright changelog.Debian.gz examples/quickstart.sh examples/newsletter/people.csv \
    "examples/newsletter/attachments/花壇の計画.txt"; do
    expect_line "./usr/share/doc/mailbatch/$file" "$T/files"
done
expect_equal "files elsewhere" "" "$(grep -vE '^\./usr/((bin|share)/.*)?$' "$T/files" || true)"
expect_equal "version" "$("$release/bin/mmerge" --version | awk 'NR == 1 { print $NF }')-1" \
    "$(dpkg-deb -f "$deb" Version)"
expect_line "mailbatch ($(dpkg-deb -f "$deb" Version))" \
    <(dpkg-deb --fsys-tarfile "$deb" | tar xOf - ./usr/share/doc/mailbatch/changelog.Debian.gz | gzip -dc)

case_begin "the same build packed again, where only ASCII is known, is the same package"
expect_exit 0 env LC_ALL=C cpack -G DEB -B "$T/again"
expect_same "$deb" "$T/again/$(basename "$deb")"

# lintian_says FILE: what it says is in $T/lint/says, its exit code in $T/lint/code.
lintian_says()
{
    rm -rf "$T/lint"
    mkdir -p "$T/lint"
    cp "$1" "$T/lint/checked.deb"
    start_in_layer "$T/lint" lintian "code=0
        lintian --allow-root --fail-on error $T/lint/checked.deb >$T/lint/says 2>&1 || code=\$?
        echo \$code >$T/lint/code"
    stop_servers
}

if need_layer "lintian finds no error" lintian lintian; then
    case_begin "lintian finds no error"
    lintian_says "$deb"
    expect_equal "exit code" 0 "$(cat "$T/lint/code")"
    expect_no_line "E: " "$T/lint/says"

    case_begin "lintian is asked for real"
    dpkg-deb -R "$deb" "$T/worse"
    rm "$T/worse/usr/share/doc/mailbatch/copyright"
    dpkg-deb --root-owner-group -b "$T/worse" "$T/worse.deb" >"$T/log"
    lintian_says "$T/worse.deb"
    expect_line "E: mailbatch: no-copyright-file" "$T/lint/says"
    expect_equal "exit code" 2 "$(cat "$T/lint/code")"
fi

# Runs in the bare root, where the package is the only file of the folder.
cat >"$T/in-the-root" <<'INSIDE'
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# What shows manuals and loads completions is the user's own; it is there before.
apt-get install -qq --no-install-recommends man-db bash-completion zsh >/dev/null
apt-get install -qq /mailbatch/mailbatch_*.deb >/dev/null
echo "== installed: $(dpkg-query -W -f '${db:Status-Status}' mailbatch)"
cd /root
LC_ALL=C.UTF-8 bash /usr/share/doc/mailbatch/examples/quickstart.sh
LC_ALL=C.UTF-8 bash /usr/share/doc/mailbatch/examples/invoices/try.sh
for tool in mmerge popdump mparse mailsink; do
    man "$tool" | sed -n "s/^ *$tool /== manual of &/p" | head -n 1
    bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader "$1" || [ $? = 124 ]
        echo "== bash: $(complete -p "$1")"' bash "$tool"
    zsh -fc 'autoload -Uz compinit && compinit -u -D; echo "== zsh: $1 by $_comps[$1]"' zsh "$tool"
done
dpkg --verify mailbatch
apt-get purge -qq mailbatch >/dev/null
# In its cache, man keeps the pages that it showed.
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root -o -path /mailbatch -o \
    -path /var/cache -o -path /var/log \) -prune -o -print >/tmp/after
grep -E 'mailbatch|mmerge|popdump|mparse|mailsink' /tmp/after | sed 's/^/== left: /'
echo "== removed: $(dpkg-query -W mailbatch 2>&1)"
INSIDE

name="the package on a bare Debian"
if need_root "$name" && need_program "$name" debootstrap; then
    case_begin "$name"
    folder=$(mktemp -d "$MB_SOURCE/build/package.XXXXXX")
    expect_exit 0 env MB_BARE_FOLDER="$folder" "$MB_SOURCE/tools/dev/bare-root.sh" --with "$deb" \
        bash -c "$(cat "$T/in-the-root")"
    mv "$T/out" "$T/said"
    expect_exit 0 rmdir "$folder"
    expect_line "== installed: installed" "$T/said"

    case_begin "the quick start runs from the package"
    expect_line "They are in /usr/bin." "$T/said"
    expect_line "[7/7] " "$T/said"
    expect_line "came back byte for byte" "$T/said"

    case_begin "a sample runs from the package"
    expect_line "campaign template-invoices: 12 sent" "$T/said"

    case_begin "manuals and completions are found"
    for tool in "${tools[@]}"; do
        expect_line "== manual of " <(grep -F " $tool " "$T/said")
        expect_line "== bash: complete -F _$tool $tool" "$T/said"
        expect_line "== zsh: $tool by _$tool" "$T/said"
    done

    case_begin "removal leaves nothing"
    expect_equal "left" "" "$(grep '^== left: ' "$T/said" || true)"
    expect_line "== removed: dpkg-query: no packages found matching mailbatch" "$T/said"
fi
