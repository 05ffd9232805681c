#!/usr/bin/env bash
# What mail to many carries: List-Unsubscribe with tokens, envelope senders that tell whom they were
# for, and what check advises.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
openssl rand -hex 32 >token.key
openssl genpkey -algorithm ed25519 -out key.pem
chmod 600 token.key key.pem
cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: News
List-Id: Grüner Laden <news.example.org>
Precedence: bulk

Dear {{ name }}.
LETTER
"$MB_PYTHON" - <<'PYTHON'
import csv

addresses = ["ann@example.net", "o'neill+tag=x%y@example.net", "zoë@bücher.example", '"a b"@example.net',
             "a" * 60 + "@example.net", "b@" + "l" * 60 + "." + "m" * 60 + "." + "n" * 60 + ".example", "eq=ual@xn--bcher-kva.example",
             "{curly}|pipe~@example.net", "c.d-e_f@example.net"]
values = ["plain", "a&b=c#d?e/f+g h%41", "ü 日本", "x>, <https://evil.example/", '"quotes" \\ `', "50%", "<>", "a,b;c", "\ttab"]
with open("people.csv", "w", newline="", encoding="utf-8") as out:
    rows = csv.writer(out)
    rows.writerow(["name", "email", "value", "whole"])
    for i, (address, value) in enumerate(zip(addresses, values)):
        rows.writerow([f"N{i}", address, value, f"https://example.org/u/{i}?a=b&c={i}"])
PYTHON

# sent: the messages that arrived, to a program that gets (envelope, message, row) for each.
sent()
{
    "$MB_PYTHON" - "$T" "$1" <<'PYTHON'
import csv, email, email.policy, glob, hashlib, hmac, json, re, sys, urllib.parse

folder, code = sys.argv[1:]
envelopes = [json.loads(line) for line in open(folder + "/mail/envelopes.jsonl")]
rows = list(csv.DictReader(open(folder + "/people.csv", encoding="utf-8")))
key = open(folder + "/token.key", "rb").read().strip()
seen = 0
for path, envelope in zip(sorted(glob.glob(folder + "/mail/new/*.eml")), envelopes):
    data = open(path, "rb").read()
    mail = email.message_from_bytes(data, policy=email.policy.default)
    row = rows[int(mail.get_content().split("N")[1].split(".")[0])]
    head = data.split(b"\r\n\r\n")[0].decode("utf-8")
    unfolded = re.sub(r"\r\n(?=[ \t])", "", head)
    field = lambda name: re.findall(r"(?mi)^%s: (.*?)\r?$" % name, unfolded)
    token = lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
    exec(code)
    seen += 1
assert seen == len(rows), (seen, len(rows))
PYTHON
}

# send ARGUMENT…
send()
{
    rm -rf mail people.csv.mmerge.db*
    start_mailsink "$T/sink" --store "$T/mail"
    expect_exit 0 "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off "$@"
    stop_background "$SINK_PID"
}

# refused CODE WORDS ARGUMENT…: by check, so before anything is sent
refused()
{
    local code=$1 words=$2

    shift 2
    expect_exit "$code" "$MB_BIN/mmerge" check "$@" letter people.csv
    expect_line "$words" "$T/err"
}

# --- List-Unsubscribe ----------------------------------------------------------------------------

case_begin "no value leaves its URL; https brings one-click; both fields are signed"
send --token-key token.key --dkim example.org:s:key.pem \
    --unsubscribe 'https://example.org/u?m={{ value }}&n={{ value|url }}&t={{ email|token }}' \
    --unsubscribe 'mailto:leave@example.org?subject={{ value }}' letter people.csv
sent '
(value,) = field("List-Unsubscribe")
https, mailto = re.fullmatch(r"<([^<>\s]*)>, ?<([^<>\s]*)>", value).groups()
query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(https).query, strict_parsing=True, keep_blank_values=True))
want = row["value"].strip()
assert https.startswith("https://example.org/u?"), https
assert {k: v.strip() for k, v in query.items()} == {"m": want, "n": want, "t": token(row["email"])}, (query, want)
assert mailto.startswith("mailto:leave@example.org?subject="), mailto
assert urllib.parse.unquote(mailto.split("=", 1)[1]).strip() == want
assert field("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
assert mail["List-Id"] == "Grüner Laden <news.example.org>", mail["List-Id"]
assert field("List-Id")[0].endswith(" <news.example.org>") and field("Precedence") == ["bulk"]
names = re.search(r"h=([^;]*);", field("DKIM-Signature")[0])[1].lower().replace("\t", "").split(":")
for name in "list-unsubscribe", "list-unsubscribe-post", "list-id", "precedence":
    assert name in names, names
' || fail "not what was asked for"
statement M-30

case_begin "a column that holds the whole URL"
send --unsubscribe '{{ whole|safe }}' letter people.csv
sent 'assert field("List-Unsubscribe") == ["<" + row["whole"] + ">"] and field("List-Unsubscribe-Post")' ||
    fail "not what was asked for"

case_begin "without https there is no one-click"
send --unsubscribe 'mailto:leave@example.org' letter people.csv
sent 'assert field("List-Unsubscribe") == ["<mailto:leave@example.org>"] and not field("List-Unsubscribe-Post")' ||
    fail "one-click where it must not be"
sed 's/^Precedence.*/List-Unsubscribe: <mailto:a@example.org>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click/' \
    letter >by-hand
expect_exit 65 "$MB_BIN/mmerge" check by-hand people.csv
expect_line "row 2: List-Unsubscribe-Post: stands only beside an https address" "$T/err"
sed -i 's/^List-Unsubscribe: .*/List-Unsubscribe: <https:\/\/example.org\/{{ value }}>/' by-hand
expect_exit 0 "$MB_BIN/mmerge" check by-hand people.csv
expect_exit 65 "$MB_BIN/mmerge" check --unsubscribe https://example.org/ by-hand people.csv
expect_line "by-hand:5: List-Unsubscribe: --unsubscribe writes this field" "$T/err"
statement M-30

case_begin "what is no address to unsubscribe at is an error"
refused 65 "an address is https://… or mailto:…" --unsubscribe 'http://example.org/'
refused 65 "an address is https://… or mailto:…" --unsubscribe 'https://'
refused 65 "an address is https://… or mailto:…" --unsubscribe 'mailto:nobody'
refused 65 "{{ column|safe }}" --unsubscribe '{{ whole }}'
refused 65 "holds what a URL cannot" --unsubscribe 'https://example.org/a b'
refused 65 "holds what a URL cannot" --unsubscribe 'https://example.org/ü'
refused 65 "unknown name \"nobody\"" --unsubscribe 'https://example.org/{{ nobody }}'
refused 65 "holds a line break" --unsubscribe 'mailto:a@example.org?subject=x%0D%0ABcc:b'

case_begin "the key of tokens: missing, open, short"
refused 65 "token" --unsubscribe 'https://example.org/{{ email|token }}'
refused 66 "missing.key" --token-key missing.key
echo short >short.key
chmod 600 short.key
refused 78 "a key of 5 octets: at least 16 are needed" --token-key short.key
cp token.key open.key
chmod 604 open.key
refused 78 "open.key: a key that others may read: chmod 600 it" --token-key open.key
expect_no_line "$(cat token.key)" "$T/err"

# --- VERP ----------------------------------------------------------------------------------------

case_begin "every message has a sender of its own, which tells its recipient"
send --verp letter people.csv
sent '
sender = envelope["sender"]
local, domain = sender.rsplit("@", 1)
(to,) = envelope["recipients"]
key = field("Message-ID")[0][1:33]
assert domain == "example.org" and len(local.encode()) <= 64 and len(sender.encode()) <= 254, sender
assert re.fullmatch(r"[A-Za-z0-9._=&*^~\x27+-]+", local.split("=")[0]), sender
long = re.fullmatch(r"news\+([0-9a-f]{32})", local)
if long:
    assert long[1] == key, (sender, key)
    assert len(to) > 40, (sender, to)
else:
    proof, name = re.fullmatch(r"news\+([0-9a-f]{10})-(.*)", local).groups()
    name, host = name.rsplit("=", 1)
    name = re.sub(rb"\+([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), name.encode()).decode()
    assert key.startswith(proof) and f"{name}@{host}" == to, (sender, to)
' || fail "a sender that does not tell"
expect_equal "senders" 9 "$(grep -o '"sender":"[^"]*"' mail/envelopes.jsonl | sort -u | wc -l)"
statement M-31

case_begin "Return-Path is what the senders are made of"
sed 's/^Precedence.*/Return-Path: <bounces@lists.example.org>/' letter >returned
send --verp returned people.csv
sent 'assert envelope["sender"].startswith("bounces+") and envelope["sender"].endswith("@lists.example.org")' ||
    fail "not of Return-Path"

case_begin "a sender that is too long is an error before anything is sent"
sed 's/news@example.org/a-very-long-name-for-a-newsletter@example.org/' letter >long
rm -rf people.csv.mmerge.db*
expect_exit 65 "$MB_BIN/mmerge" send --server smtp://127.0.0.1:1 --tls off --verp long people.csv
expect_line "--verp: the sender a-very-long-name-for-a-newsletter@example.org is too long: at most 31 octets" "$T/err"
expect_missing people.csv.mmerge.db

# --- advice --------------------------------------------------------------------------------------

advice()
{
    "$MB_BIN/mmerge" check --json "$@" | "$MB_PYTHON" -c '
import json, sys
summary = [json.loads(line) for line in sys.stdin][-1]
assert all(one["source"] for one in summary["advice"])
print(*[one["what"] for one in summary["advice"]])'
}

case_begin "check says what receivers of mail to many ask for, and where that stands"
expect_equal "advice" "signed one_click" "$(advice letter people.csv)"
expect_equal "advice" "one_click_signed signed" \
    "$(advice --unsubscribe https://example.org/ letter people.csv | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')"
expect_equal "advice" "aligned one_click" "$(advice --dkim example.com:s:key.pem letter people.csv)"
expect_equal "advice" "" \
    "$(advice --dkim example.org:s:key.pem --unsubscribe https://example.org/ letter people.csv)"
sed 's/^From: .*/From: a@example.org, b@example.org/' letter >two
expect_equal "advice" "one_from signed one_click" "$(advice two people.csv)"
printf 'From: a@example.org\nTo: {{ email }}\nContent-Type: text/html\n\n<img alt="" src="https://example.org/x">' >image
expect_equal "advice" "signed one_click text" "$(advice image people.csv)"
head -c 16000000 /dev/zero >big.bin
head -3 people.csv >two.csv
expect_equal "advice" "signed one_click size" "$(advice --attach big.bin letter two.csv)"
expect_exit 0 "$MB_BIN/mmerge" check letter people.csv
expect_line "  a DKIM signature: --dkim, unless your server signs (https://" "$T/out"
sed -i 's/^From: .*/From: {% if name == "N3" %}a@example.org, {% endif %}b@example.org/' two
expect_exit 0 "$MB_BIN/mmerge" check two people.csv
expect_line "  one mailbox in From, in 1 message, the first: row 5 (RFC 7489, 6.6.1)" "$T/out"

case_begin "one row is no mail to many"
head -2 people.csv >one.csv
expect_equal "advice" "" "$(advice letter one.csv)"
expect_exit 0 "$MB_BIN/mmerge" check letter one.csv
expect_no_line "large receivers" "$T/out"
