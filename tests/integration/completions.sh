#!/usr/bin/env bash
# Completions, made of --help while the tools are built: bash is asked as readline asks it, and every
# option and command that a tool has is in both shells' files.
. "$(dirname "$0")/../support/lib.sh"

tools=(mmerge popdump mparse mailsink)
made=$MB_BUILD/completions
if [ ! -e "$made/mmerge" ]; then
    mb_lacking "completions" "$made is not there: the tools are not built" || exit 0
fi

# Read here by itself, not as make-completions does: the first words of lines.
commands_of()
{
    "$MB_BIN/$1" --help >"$T/help"
    if grep -q 'COMMAND' "$T/help"; then
        awk '/^  [a-z]/ { print $1 }' "$T/help"
    fi
}

options_of()
{
    "$MB_BIN/$1" "${@:2}" --help | sed -nE 's/^ +(-[a-zA-Z], )?(--[a-z0-9-]+).*/\2/p'
}

for tool in "${tools[@]}"; do
    # shellcheck disable=SC1090 # what is tested
    . "$made/$tool"
done

# complete_words TOOL WORD…: what bash offers for the last word, a line each, in $T/offers.
complete_words()
{
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    # compgen fails where nothing fits.
    set +E
    "_$1" || true
    set -E
    printf '%s\n' "${COMPREPLY[@]}" >"$T/offers"
}

# offers NAME WANTED WORD…: exactly the words of WANTED are offered, in any order.
offers()
{
    local name=$1 wanted=$2

    shift 2
    case_begin "bash: $name"
    complete_words "$@"
    expect_equal "$*" "$(tr ' ' '\n' <<<"$wanted" | sort)" "$(sort "$T/offers")"
}

mkdir "$T/here"
cd "$T/here"
mkdir letters.d
touch letter.txt people.csv ledger.db

for tool in "${tools[@]}"; do
    case_begin "bash knows $tool, and so does readline"
    expect_exit 0 bash -n "$made/$tool"
    expect_equal "complete" "complete -F _$tool $tool" "$(complete -p "$tool")"
    mapfile -t commands < <(commands_of "$tool")
    if [ "${#commands[@]}" != 0 ]; then
        offers "commands of $tool" "${commands[*]} --help --version" "$tool" ""
    else
        commands=("")
    fi
    for command in "${commands[@]}"; do
        # shellcheck disable=SC2086 # an empty command is no word
        mapfile -t options < <(options_of "$tool" $command)
        # shellcheck disable=SC2086
        offers "options of $tool $command" "${options[*]}" "$tool" $command --
        case_begin "zsh's file has the options of ${tool} $command"
        # A command's options stand below its name, up to the ;; of it.
        sed -n "/^ *${command:-_arguments}\()\| \)/,/;;/p" "$made/_$tool" >"$T/zsh"
        [ "${#options[@]}" -gt 1 ] || fail "$tool $command has no options"
        for option in "${options[@]}"; do
            grep -qE "^ *'\*$option=?\[" "$T/zsh" || fail "$option is not in $(cat "$T/zsh")"
        done
    done
done

offers "the beginning of a command" "send status" mmerge s
offers "nothing is offered twice or made up" "" mmerge nothing
offers "the beginning of an option" "--redirect-to --retry" mmerge send --re
offers "files are offered for a file, ledgers too" "letter.txt letters.d ledger.db" mmerge send --ledger le
offers "a file after --ledger=" "letter.txt letters.d ledger.db people.csv" mmerge send --ledger =
offers "its beginning after --ledger=" "ledger.db" mmerge send --ledger = led
offers "folders only for a folder" "letters.d" mmerge preview --out ""
offers "folders only after --out=" "letters.d" mmerge preview --out = let
offers "nothing for a number" "" mmerge send --limit ""
offers "nothing for an address" "" mmerge send --redirect-to = ""
offers "files after an option without a value" "letter.txt letters.d ledger.db" mmerge send --quiet le
offers "options after an option without a value" "--json" mmerge send --quiet --js
offers "a short option with a folder" "letters.d" mparse -x ""
offers "a short option without a value" "people.csv" mparse -q pe
offers "a tool without commands: files at once" "people.csv" mparse pe
offers "options of another command are not offered" "" mmerge status --ledg

case_begin "bash as a user has it: the function is loaded by its name, and Tab fills in"
mkdir -p "$T/bin"
ln -s "$MB_BIN/mmerge" "$T/bin/mmerge"
expect_exit 0 "$MB_PYTHON" - "$made/mmerge" "$T/bin" <<'PYTHON'
import os, pty, re, select, signal, sys, time

completions, folder = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(PATH=folder + ":" + os.environ["PATH"], PS1="ready> ", TERM="dumb", INPUTRC="/dev/null")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
seen = b""

def until(pattern):
    global seen
    end = time.monotonic() + 30
    while not re.search(pattern, seen, re.S):
        if time.monotonic() > end:
            sys.exit(f"no {pattern} in {seen}")
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096)
    seen = b""

def typed(keys, pattern):
    os.write(terminal, keys.encode())
    until(pattern)

until(rb"ready> $")
typed(f". {completions}\n", rb"\nready> $")
typed("mmerge se\t", rb"mmerge send ")
typed("--ledg\t", rb"--ledger")
typed("\b=led\t", rb"led.*ger\.db ")
typed("--tls-tr\t", rb"ust ")
typed("peo\t", rb"peo.*ple\.csv ")
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
PYTHON

if need_program "zsh reads its files" zsh; then
    for tool in "${tools[@]}"; do
        case_begin "zsh: _$tool is good zsh, and compinit takes it"
        expect_exit 0 zsh -n "$made/_$tool"
        # shellcheck disable=SC2016 # zsh's variables
        expect_exit 0 env ZDOTDIR="$T" zsh -fc 'fpath=($1 $fpath)
            autoload -Uz compinit && compinit -u -D && print -r -- $_comps[$2]' zsh "$made" "$tool"
        expect_equal "function of $tool" "_$tool" "$(cat "$T/out")"
    done
fi

case_begin "a tool that fails leaves no completions"
printf '#!/bin/sh\ncase $1 in --help) printf "Usage: x COMMAND [OPTION]\\n\\n  do  a thing\\n" ;; *) exit 3 ;; esac\n' >"$T/bin/x"
chmod 755 "$T/bin/x"
expect_exit 3 "$MB_SOURCE/tools/dev/make-completions" bash "$T/bin/x" "$T/x"
expect_missing "$T/x"
