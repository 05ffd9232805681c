#!/usr/bin/env bash
# One campaign through Postfix, Exim, aiosmtpd and OpenSMTPD: what each of them delivers is what
# preview wrote.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"
. "$MB_SOURCE/tests/support/servers-exim.sh"
. "$MB_SOURCE/tests/support/servers-opensmtpd.sh"
. "$MB_SOURCE/tests/support/servers-aiosmtpd.sh"

cd "$T"
echo pw >password
chmod 600 password

# --- the campaign --------------------------------------------------------------------------------

mkdir files
"$MB_PYTHON" - <<'PYTHON'
import csv, random

names = ['Zoë "Mü", (x) <b>', "山田 太郎", "Ann", "Bob O'Neill", "Ève; Łucja", "R\u0301ene 🌷", "Plain", "."]
texts = [
    "Grüße & <b>\"mehr\"</b>\n.\n..\n.dots\n. \n",
    "本日は晴天なり。" * 40,
    ".\n..\n...\n.begins\nends.\n.",
    "x" * 3000 + "\n" + "word " * 400 + "\n." + "y" * 997 + "\n",
    "",
    "From the first\n>From the second\ntrailing \t \n\tand tabs\n=20=\n\n\n",
    "no line end",
    "\n\n\n.\r\n.\n",
]
files = ["Plan Südbeet – Übersicht.bin", "日程表.txt", "", "plain.txt", "dotted.txt", "all \"octets\".bin", "", "brief.eml"]
random.seed(3)
content = [random.randbytes(100_000), "日程\n.\n".encode(), b"", b"plain\n", b".\n..\n.x\n", bytes(range(256)) * 9, b"",
           b"From: a@example.net\r\nSubject: inner\r\n\r\n.\r\nbody \xc3\xbc\r\n"]
subjects = ["Zoës Ernte – " + "sehr lang " * 12 + "Ende", "五月の収穫" * 12, "<b>&\"", "a" * 200, "", "🌷" * 30,
            "plain", "=?utf-8?q?not_encoded?="]
for name, data in zip(files, content):
    if name:
        open("files/" + name, "wb").write(data)
addresses = [f"u{n}@example.net" for n in range(1, 7)] + ["info@bücher.example", "o'neill+tag=x@example.org"]
with open("people.csv", "w", newline="", encoding="utf-8") as out:
    rows = csv.writer(out)
    rows.writerow(["nr", "name", "email", "subject", "text", "file"])
    for number, row in enumerate(zip(names, addresses, subjects, texts, files), 1):
        rows.writerow([number, *row])
PYTHON
cat >plain <<'TEMPLATE'
From: Gärtnerei "Grün" <garden@example.net>
To: {{ name }} <{{ email }}>
Cc: Büro <u7@example.net>
Bcc: u8@example.net
Subject: {{ subject }}
X-Row: {{ nr }}

{{ text }}
TEMPLATE
truncate -s -1 plain
# Without even a line end of the template's own: an empty value is an empty body.
sed 's/^X-Row:/Attachment: files\/{{ file }}\nHtml: body.html\nX-Row:/' plain >rich
cat >body.html <<'HTML'
<p>Dear {{ name }},</p>
<pre>
{{ text }}
</pre>
.
HTML
sed 's/^Attachment: .*/Attachment: {% if file %}files\/{{ file }}{% endif %}/' rich >rich.new
mv rich.new rich
cat >special.csv <<'CSV'
nr,name,email,subject,text,file
1,Jörg,jörg@example.org,Schön,Grüße,
2,Quoted,"""a b""@example.org",quoted,local part,
CSV

# --- through a server ----------------------------------------------------------------------------

# campaign NAME TEMPLATE CSV ROWS ARGUMENT…: previews, sends, and compares what arrived.
campaign()
{
    local name=$1 template=$2 csv=$3 rows=$4

    shift 4
    rm -rf "${MAIL_DIR:?}"/* previews "$csv.mmerge.db"*
    expect_exit 0 "$MB_BIN/mmerge" preview --all --out previews "$template" "$csv"
    expect_exit 0 "$MB_BIN/mmerge" send "$@" "$template" "$csv"
    wait_for all_arrived $((rows * 3))
    "$MB_PYTHON" "$MB_SOURCE/tests/support/same-mail.py" previews "$MAIL_DIR" 3 ||
        fail "$name: what arrived is not what was previewed"
    ! grep -rqi '^bcc' "$MAIL_DIR" || fail "$name: a Bcc arrived"
}

all_arrived()
{
    [ "$(find "$MAIL_DIR" -path '*/new/*' -type f -size +0 | wc -l)" = "$1" ]
}

# through NAME COMMAND ARGUMENT…: both templates, a message at a time and many; contents are handed
# over by COMMAND.
through()
{
    local name=$1 command=$2

    shift 2
    case_begin "$name: plain text"
    campaign "$name" plain people.csv 8 "$@"
    statement M-19
    case_begin "$name: text, HTML and attachments, over three connections"
    campaign "$name" rich people.csv 8 "$@" --connections 3
    case_begin "$name: one message in flight"
    campaign "$name" rich people.csv 8 "$@" --window 1 --per-connection 3 --transcript said
    expect_equal "contents by" "$command" "$(sed -En 's/^ [-~]> (DATA|BDAT).*/\1/p' said | sort -u)"
    [ "$command" = DATA ] || statement M-3
}

escaped()
{
    "$MB_PYTHON" - "$MAIL_DIR" <<'PYTHON'
import email, email.policy, glob, sys

for path in glob.glob(sys.argv[1] + "/*/Maildir/new/*"):
    mail = email.message_from_binary_file(open(path, "rb"), policy=email.policy.default)
    if mail["X-Row"] == "3":
        assert mail["Subject"] == '<b>&"', mail["Subject"]
    if mail["X-Row"] == "1":
        text = mail.get_body(("plain",)).get_content()
        html = mail.get_body(("html",)).get_content()
        assert '& <b>"mehr"</b>' in text, text
        assert "&amp; &lt;b&gt;&#34;mehr&#34;&lt;/b&gt;" in html or \
            "&amp; &lt;b&gt;&quot;mehr&quot;&lt;/b&gt;" in html, html
        break
else:
    raise SystemExit("row 1 has not arrived")
PYTHON
}

if need_servers "postfix"; then
    case_begin "postfix starts"
    start_postfix_dovecot "$T/postfix"
    postfix=(--tls-trust "$CA_FILE" --password-file password)
    through "Postfix, STARTTLS" BDAT --server "smtp://u1@localhost:$SUBMISSION_PORT" "${postfix[@]}"
    case_begin "values are escaped in HTML, and nowhere else"
    escaped || fail "they are not"
    statement M-18
    through "Postfix without CHUNKING" DATA --server "smtp://localhost:$SMTP_PORT" --tls-trust "$CA_FILE"
    through "Postfix, TLS" BDAT --server "smtps://u1@localhost:$SMTPS_PORT" "${postfix[@]}"
    case_begin "Postfix: an address beyond ASCII, and one in quotes"
    campaign Postfix rich special.csv 2 --server "smtps://u1@localhost:$SMTPS_PORT" "${postfix[@]}"
    stop_servers
fi

if need_exim "exim"; then
    case_begin "exim starts"
    start_exim "$T/exim"
    exim=(--server "smtps://u1@localhost:$EXIM_SMTPS_PORT" --tls-trust "$CA_FILE" --password-file password)
    through "Exim, STARTTLS" BDAT --server "smtp://localhost:$EXIM_PORT" --tls-trust "$CA_FILE"
    through "Exim, TLS and a login" BDAT "${exim[@]}"
    case_begin "Exim: an address beyond ASCII, and one in quotes"
    campaign Exim rich special.csv 2 "${exim[@]}"
    stop_servers
fi

if need_aiosmtpd "aiosmtpd"; then
    case_begin "aiosmtpd starts"
    start_aiosmtpd "$T/aiosmtpd"
    aiosmtpd=(--server "smtp://localhost:$AIOSMTPD_PORT" --tls-trust "$CA_FILE")
    through "aiosmtpd, STARTTLS" DATA "${aiosmtpd[@]}"
    case_begin "aiosmtpd: an address beyond ASCII, and one in quotes"
    campaign aiosmtpd rich special.csv 2 "${aiosmtpd[@]}"
    stop_servers
fi

if need_opensmtpd "opensmtpd"; then
    case_begin "opensmtpd starts"
    start_opensmtpd "$T/opensmtpd"
    opensmtpd=(--server "smtp://127.0.0.1:$OPENSMTPD_PORT" --tls off)
    through "OpenSMTPD, in clear, without PIPELINING" DATA "${opensmtpd[@]}"
    case_begin "OpenSMTPD: an address beyond ASCII is not offered to it"
    rm special.csv.mmerge.db*
    expect_exit 10 "$MB_BIN/mmerge" send "${opensmtpd[@]}" rich special.csv
    expect_line SMTPUTF8 "$T/out"
fi
