#!/usr/bin/env bash
# The whole circle on your own machine, in about a minute: builds mailbatch, sends a small newsletter
# with mmerge to the bundled test server, fetches it with popdump into a tar archive, and looks into
# it with mparse. Nothing leaves this machine.
#
#   ./samples/quickstart.sh [FOLDER]      FOLDER takes the results (build/quickstart)
#
# Installs the Debian packages that building needs (tools/dev/setup.sh --build-only lists them).
# MB_BIN=FOLDER uses tools that are already built there. Beside an installed mailbatch, where there is
# nothing to build, it takes the installed tools, and FOLDER is mailbatch-quickstart.
set -euo pipefail

if [ -e "$(dirname "$0")/../CMakeLists.txt" ]; then
    cd "$(dirname "$0")/.."
    out=${1:-build/quickstart}
    bin=${MB_BIN:-build/release/bin}
    sample=samples/newsletter
    manual="man -l tools/mmerge/mmerge.1"
else
    out=${1:-mailbatch-quickstart}
    MB_BIN=${MB_BIN:-$(dirname "$(command -v mmerge || echo /usr/bin/mmerge)")}
    bin=$MB_BIN
    sample=$(cd "$(dirname "$0")" && pwd)/newsletter
    manual="man mmerge"
fi
steps=7
step=0
server=

say()
{
    printf '%s\n' "$@"
}

# A numbered heading and what is about to happen.
begin()
{
    step=$((step + 1))
    printf '\n[%d/%d] %s\n' "$step" "$steps" "$1"
    shift
    [ $# = 0 ] || printf '      %s\n' "$@"
}

show()
{
    printf '\n  $'
    printf ' %q' "$@"
    printf '\n'
}

# run COMMAND…: shows the command as one could type it, then what it prints.
run()
{
    show "$@"
    "$@" 2>&1 | sed 's/^/  | /'
}

# head_of N COMMAND…: the same with the first N lines only.
head_of()
{
    local lines=$1 all code=0

    shift
    show "$@"
    all=$("$@" 2>&1) || code=$?
    if [ "$code" != 0 ]; then
        sed 's/^/  | /' <<<"$all"
        return "$code"
    fi
    sed -n "1,${lines}s/^/  | /p" <<<"$all"
    all=$(wc -l <<<"$all")
    [ "$all" -le "$lines" ] || printf '  | … %d more lines\n' "$((all - lines))"
}

stop_server()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    server=
}

trouble()
{
    local code=$?

    stop_server
    [ "$code" = 0 ] || say "" "quickstart: step $step did not work (exit code $code)" \
        "What it wrote so far is in $out; build logs are build/release/*.log." >&2
    exit "$code"
}
trap trouble EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- 1 -------------------------------------------------------------------------------------------

build()
{
    local options=()

    tools/dev/setup.sh --build-only
    [ -e build/release/CMakeCache.txt ] || options=(-DMAILBATCH_TESTS=OFF)
    mkdir -p build/release
    show cmake --preset release "${options[@]}"
    cmake --preset release "${options[@]}" >build/release/configure.log 2>&1 ||
        { cat build/release/configure.log; return 1; }
    show cmake --build --preset release
    cmake --build --preset release --target mmerge popdump mparse mailsink \
        >build/release/build.log 2>&1 || { tail -n 40 build/release/build.log; return 1; }
}

if [ -z "${MB_BIN:-}" ]; then
    begin "Build the four tools" \
        "Debian packages that are missing are installed first; this takes a minute."
    build
else
    begin "The four tools are there" "They are in $bin."
fi
for tool in mmerge popdump mparse mailsink; do
    say "  | $("$bin/$tool" --version | head -n 1)"
done

# --- 2 -------------------------------------------------------------------------------------------

if [ -n "$(ls -A "$out" 2>/dev/null)" ] && [ ! -e "$out/quickstart" ]; then
    say "quickstart: $out: there are files of yours in it: give another folder" >&2
    exit 73
fi
rm -rf "$out"
mkdir -p "$out"
: >"$out/quickstart"

begin "Start a mail server of your own" \
    "mailsink takes mail over SMTP and hands it out over POP3, on loopback only, with TLS by a" \
    "certificate made just now. Its user is \"news\"; the password is in $out/password."

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$out/key.pem" -out "$out/cert.pem" 2>"$out/openssl.log"
(umask 077 && openssl rand -hex 12 >"$out/password")

show "$bin/mailsink" --smtp 127.0.0.1:0 --pop3s 127.0.0.1:0 --cert "$out/cert.pem" \
    --key "$out/key.pem" --user "news:…" --store "$out/mailsink" --ready-file "$out/ready"
"$bin/mailsink" --smtp 127.0.0.1:0 --pop3s 127.0.0.1:0 --cert "$out/cert.pem" \
    --key "$out/key.pem" --user "news:$(cat "$out/password")" --store "$out/mailsink" \
    --ready-file "$out/ready" >"$out/mailsink.log" 2>&1 </dev/null &
server=$!
for _ in {1..200}; do
    [ ! -s "$out/ready" ] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
[ -s "$out/ready" ] || { cat "$out/mailsink.log"; false; }
smtp=$(sed -n 's/^smtp=.*://p' "$out/ready")
pop3s=$(sed -n 's/^pop3s=.*://p' "$out/ready")
say "  | listening: SMTP on port $smtp, POP3 with TLS on port $pop3s"

login=(--tls-trust "$out/cert.pem" --password-file "$out/password")

# --- 3 -------------------------------------------------------------------------------------------

begin "Look before you send" \
    "$sample/template.txt is the letter, $sample/people.csv has one row a" \
    "recipient. preview writes the first message, check renders and examines all of them."
head_of 24 "$bin/mmerge" preview "$sample/template.txt" "$sample/people.csv"
run "$bin/mmerge" check "$sample/template.txt" "$sample/people.csv"

# --- 4 -------------------------------------------------------------------------------------------

begin "Send the newsletter" \
    "STARTTLS is required, the certificate is checked, then comes the login. The ledger remembers" \
    "what was accepted: a second run sends nothing twice."
send=("$bin/mmerge" send --server "smtp://news@127.0.0.1:$smtp" "${login[@]}"
    --ledger "$out/news.db" "$sample/template.txt" "$sample/people.csv")
run "${send[@]}"
run "${send[@]}"
run "$bin/mmerge" status "$out/news.db"

# --- 5 -------------------------------------------------------------------------------------------

begin "Fetch it into an archive" \
    "popdump takes every message of the mailbox over POP3 with TLS, byte for byte, and asks for" \
    "each only once. verify proves the archive against its own checksums."
fetch=("$bin/popdump" fetch --server "pop3s://news@127.0.0.1:$pop3s" "${login[@]}" "$out/archive")
run "${fetch[@]}"
run "${fetch[@]}"
run "$bin/popdump" verify "$out/archive"

# --- 6 -------------------------------------------------------------------------------------------

begin "It is plain tar" "Any tar lists and unpacks it; one member is one message as it came."
segment=$(find "$out/archive" -name '*.tar' -o -name '*.tar.gz' | sort | head -n 1)
run tar tf "$segment"

# --- 7 -------------------------------------------------------------------------------------------

begin "Read the structure, take out the attachments" \
    "mparse shows what each mail is made of, with headers decoded, straight from the tar."
head_of 14 "$bin/mparse" "$segment"
run "$bin/mparse" -f shape -x "$out/parts" --only attachments "$segment"

# What came back is what was sent: each attachment of the campaign is among the parts.
say "" "  Compared byte for byte with what was sent (manifest.jsonl says which part is which):"
while IFS= read -r -d '' file; do
    digest=$(sha256sum <"$file")
    times=0
    while IFS= read -r part; do
        cmp "$file" "$out/parts/$part"
        times=$((times + 1))
    done < <(sed -n "s/^{\"file\":\"\([^\"]*\)\".*\"sha256\":\"${digest%% *}\".*/\1/p" \
        "$out/parts/manifest.jsonl")
    [ "$times" != 0 ] || { say "quickstart: $file did not come back as it was sent" >&2; false; }
    say "  | $times × ${file#"$sample/"}"
done < <(find "$sample/attachments" -type f -print0 | sort -z)
say "" "  All attachments came back byte for byte as they were sent."

stop_server
say "" "Done. Where to look next:" \
    "  $out/archive   the archive: tar in open/ (later in seg/, sealed), journal/, catalog.db" \
    "  $out/parts     the attachments, with their names in manifest.jsonl" \
    "  $out/news.db   the ledger; try: $bin/mmerge status --json $out/news.db" \
    "  $sample     the letter, its rows and its files: change them and run this again" \
    "  $manual   the manuals (popdump, mparse and mailsink likewise)"
[ ! -e tests/run.sh ] ||
    say "  ./tests/run.sh   the tests, where the same circle runs on Postfix and Dovecot"
