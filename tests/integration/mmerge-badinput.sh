#!/usr/bin/env bash
# What may be wrong with a CSV, a template, attachments and options: each has its exit code and one clear line
# that names the file, the row or line, and what to do; and nothing is left behind.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
mkdir good
cat >good/letter <<'LETTER'
From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }}.
LETTER
printf 'name,email\nAnn,ann@example.net\nBob,bob@example.net\n' >good/people.csv

# row NAME EXIT LINE [FILE CONTENT]… [-- ARG…]: with these files in the place of the good ones, check and
# `preview --all --out` end with EXIT and say LINE, once, and send would not begin.
row()
{
    local name=$1 code=$2 line=$3 arguments=()

    shift 3
    case_begin "$name"
    rm -rf case
    cp -r good case
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        if [ "$2" = MISSING ]; then rm -f "case/$1"; else printf '%b' "$2" >"case/$1"; fi
        shift 2
    done
    [ $# = 0 ] || {
        shift
        arguments=("$@")
    }
    cd case
    find . | sort >../before
    expect_exit "$code" "$MB_BIN/mmerge" check "${arguments[@]}" letter people.csv
    expect_line "$line" "$T/err"
    case $code in 64) ;; *) expect_one_line "$T/err" ;; esac
    expect_exit "$code" "$MB_BIN/mmerge" send --server smtp://127.0.0.1:1 --tls off "${arguments[@]}" letter people.csv
    expect_line "$line" "$T/err"
    find . | sort >../after
    expect_same ../before ../after
    cd ..
}

# whole NAME EXIT LINE …: the same, and preview says it too (what is wrong is not one row alone).
whole()
{
    row "$@"
    cd case
    while [ $# -gt 3 ] && [ "$4" != -- ]; do
        set -- "${@:1:3}" "${@:5}"
    done
    expect_exit "$2" "$MB_BIN/mmerge" preview --all --out out "${@:5}" letter people.csv
    expect_line "$3" "$T/err"
    expect_missing out
    cd ..
}

header='From: a@example.org\nTo: {{ email }}\nSubject: s\n'

# --- the CSV -------------------------------------------------------------------------------------

whole "CSV: missing" 66 "people.csv: cannot read: No such file or directory" people.csv MISSING
whole "CSV: empty" 65 "people.csv: is empty: the first line must name the columns" people.csv ''
whole "CSV: blank lines only" 65 "people.csv: has no header" people.csv '\n  \n'
row "CSV: header only" 65 "people.csv: has no rows below its header" people.csv 'name,email\n'
whole "CSV: without the column" 65 'letter:2:8: unknown name "name": did you mean "names"?' \
    people.csv 'names,email\nAnn,ann@example.net\n'
row "CSV: unclosed quote" 65 'people.csv: line 3: a quote is opened here and never closed' \
    people.csv 'name,email\nAnn,ann@example.net\n"Bob,bob@example.net\nEva,eva@example.net\n'
row "CSV: text behind a quote" 65 'people.csv: line 2: text behind a closing quote' \
    people.csv 'name,email\n"Ann" x,ann@example.net\n'
row "CSV: too few values" 65 'people.csv: row 3: 1 value where the header names 2 columns (line 3' \
    people.csv 'name,email\nAnn,ann@example.net\nBob\n'
row "CSV: too many values, blank lines before" 65 'people.csv: row 5: 3 values where the header names 2 columns (line 5' \
    people.csv 'name,email\n\nAnn,ann@example.net\n\nBob,bob@example.net,x\n'
whole "CSV: two columns of one name" 65 'people.csv: line 1: columns 1 and 3 are both called "name": rename one' \
    people.csv 'name,email,name\nAnn,ann@example.net,x\n'
whole "CSV: a column without a name" 65 'people.csv: line 1: column 3 has no name' \
    people.csv 'name,email,\nAnn,ann@example.net,\n'
whole "--set: a name is checked against the header and against --set" 65 'letter:5:4: unknown name "mont": did you mean "month"?' \
    letter "$header\n{{ mont }} {{ month }} {{ name }}\n" -- --set month=May
case_begin "CSV: a padded header is trimmed, with a warning; no column shifts"
mkdir padded
cp good/letter padded
printf ' name , email\nAnn,ann@example.net\n' >padded/people.csv
expect_exit 0 "$MB_BIN/mmerge" preview --all padded/letter padded/people.csv
expect_line "padded/people.csv: line 1: blanks around column names were left out" "$T/err"
expect_line "To: Ann <ann@example.net>" "$T/out"
statement M-16
row "CSV: latin-1" 65 'people.csv: row 3: octet 0xFC at offset 32 is not UTF-8: save the file as UTF-8, or name its encoding with --encoding' \
    people.csv 'name,email\nAnn,ann@example.net\nM\xFCller,m@example.net\n'
whole "CSV: UTF-16 without BOM" 65 'people.csv: line 1: holds NUL octets: if it is UTF-16, say --encoding UTF-16LE' \
    people.csv 'e\0m\0a\0i\0l\0\n\0'
case_begin "CSV: --encoding overrides: what was invalid is read, and the rows about it too"
mkdir latin
cp good/letter latin
printf 'name,email\nM\374ller,m@example.net\nBob,bob@example.net\n' >latin/people.csv
expect_exit 65 "$MB_BIN/mmerge" check latin/letter latin/people.csv
expect_line "row 2: octet 0xFC at offset 12 is not UTF-8" "$T/err"
expect_line "2 rows: 1 good (1 recipients" "$T/out"
expect_exit 0 "$MB_BIN/mmerge" check --encoding ISO-8859-1 latin/letter latin/people.csv
expect_line "2 rows: 2 good" "$T/out"
statement M-17
row "CSV: a NUL" 65 'people.csv: row 2: column "name": holds a NUL octet' people.csv 'name,email\nA\0nn,ann@example.net\n'
row "CSV: no address" 65 'people.csv: row 3: To: ' people.csv 'name,email\nAnn,ann@example.net\nBob,\n'
row "CSV: a bad address" 65 'people.csv: row 2: To: ' people.csv 'name,email\nAnn,ann at example.net\n'
row "CSV: a line break in a name" 65 'people.csv: row 2: To: holds a line break or NUL' \
    people.csv 'name,email\n"Ann\nBcc: eve@example.net",ann@example.net\n'
row "CSV: a line break in an address" 65 'people.csv: row 2: To: ' \
    people.csv 'name,email\nAnn,"ann@example.net\nBcc: eve@example.net"\n'
row "CSV: two addresses where one belongs" 65 'people.csv: row 2: To: ' \
    people.csv 'name,email\nAnn,"ann@example.net>, <eve@example.net"\n'
row "CSV: the same To twice" 65 'people.csv: row 4: has the same To as row 2 (--duplicates skip or send to go on)' \
    people.csv 'name,email\nAnn,ann@example.net\nBob,bob@example.net\nAnne,ann@EXAMPLE.net\n'

# --- the template --------------------------------------------------------------------------------

whole "template: missing" 66 "letter: cannot read: No such file or directory" letter MISSING
whole "template: empty" 65 "letter: has no From" letter ''
whole "template: no From" 65 'letter: has no From: add a line such as "From:' letter 'To: {{ email }}\nSubject: s\n\nHello\n'
whole "template: no To" 65 'letter: has no To: add a line such as' letter 'From: a@example.org\nSubject: s\n\nHello\n'
whole "template: From names nobody" 65 'letter:1: From: names nobody' letter 'From:\nTo: {{ email }}\n\nHello\n'
whole "template: a bad From" 65 'letter:1: From: ' letter 'From: nobody\nTo: {{ email }}\n\nHello\n'
whole "template: no header" 65 'letter:1: "Hello" is no header field, as "Subject: Hello"' letter 'Hello\n'
whole "template: a syntax error" 65 'letter:6:8: expected `}}`, but found the end of the file' \
    letter "$header\nHello\n{{ name"
whole "template: an unclosed if" 65 'letter:5:1: opened here and never closed by {% endif %}' \
    letter "$header\n{% if name %}\nHello\n"
whole "template: an unknown name in the body" 65 'letter:5:10: unknown name "nmae": did you mean "name"?' \
    letter "$header\nHello {{ nmae }}\n"
whole "template: an unknown name in a branch not taken" 65 'letter:5:28: unknown name "citty"' \
    letter "$header\n{% if not email %}Hello {{ citty }}{% endif %}\n"
whole "template: an unknown name in a header" 65 'letter:3:13: unknown name "nam": did you mean "name"?' \
    letter 'From: a@example.org\nTo: {{ email }}\nSubject: {{ nam }}\n\nHello\n'
whole "template: an unknown filter" 65 'letter:5:9: unknown filter `uper`: did you mean `upper`?' \
    letter "$header\n{{ name|uper }}\n"
whole "template: a field twice" 65 'letter:4: subject: stands twice: join the two' \
    letter "${header}subject: t\n\nHello\n"
whole "template: a field that is ours" 65 'letter:4: Date: mmerge writes this field itself' \
    letter "${header}Date: now\n\nHello\n"
whole "template: not UTF-8" 65 'letter:5:3: octet 0xFC is not UTF-8: save the file as UTF-8' letter "$header\nGr\xFC\xDFe {{ name }}\n"
whole "template: an unknown body type" 65 'letter:4: Content-Type: a body is text/plain' \
    letter "${header}Content-Type: application/json\n\n{}\n"
whole "template: an HTML file that is missing" 66 'letter:4: Html: body.html: cannot read: No such file or directory' \
    letter "${header}Html: body.html\n\nHello\n"
whole "template: an unknown name in the HTML file" 65 'body.html:2:6: unknown name "nmae"' \
    letter "${header}Html: body.html\n\nHello\n" body.html '<p>\n  {{ nmae }}</p>'
whole "template: an image that is missing" 66 'body.html: image logo.png: cannot read' \
    letter "${header}Html: body.html\n\nHello\n" body.html '<img src="logo.png">'
whole "template: an image outside the folder" 65 'body.html: image "../logo.png": an image must lie in the template'"'"'s folder' \
    letter "${header}Html: body.html\n\nHello\n" body.html '<img src="../logo.png">'
row "template: a date that is none" 65 'people.csv: row 2: letter:5:9: date: "Ann" is no date' \
    letter "$header\n{{ name|date }}\n" people.csv 'name,email\nAnn,ann@example.net\n'
row "template: a line break in the Subject" 65 'people.csv: row 2: Subject: holds a line break or NUL' \
    letter 'From: a@example.org\nTo: {{ email }}\nSubject: {{ name }}\n\nHello\n' \
    people.csv 'name,email\n"Ann\r\nBcc: eve@example.net",ann@example.net\n'

# --- attachments ---------------------------------------------------------------------------------

whole "attachment: missing" 66 'letter:4: Attachment: a.pdf: cannot read: No such file or directory' \
    letter "${header}Attachment: a.pdf\n\nHello\n"
mkfifo good/fifo
whole "attachment: a fifo is not waited for" 66 'letter:4: Attachment: fifo: is no regular file' \
    letter "${header}Attachment: fifo\n\nHello\n"
row "attachment: a row's is a fifo" 65 'people.csv: row 2: Attachment: fifo: is no regular file' \
    letter "${header}Attachment: {{ name }}\n\nHello\n" people.csv 'name,email\nfifo,ann@example.net\n'
rm good/fifo
row "attachment: a row's is missing" 65 'people.csv: row 3: Attachment: Bob.pdf: cannot read: No such file or directory' \
    letter "${header}Attachment: {{ name }}.pdf\n\nHello\n" Ann.pdf x
row "attachment: a value that leads out of the folder" 65 'people.csv: row 2: Attachment: "../../etc/passwd": a value of the CSV may not lead out' \
    letter "${header}Attachment: files/{{ name }}\n\nHello\n" people.csv 'name,email\n../../etc/passwd,ann@example.net\n'
row "attachment: a value that is an absolute path" 65 'people.csv: row 2: Attachment: "/etc/passwd": a value of the CSV may not name an absolute path' \
    letter "${header}Attachment: {{ name }}\n\nHello\n" people.csv 'name,email\n/etc/passwd,ann@example.net\n'
row "attachment: larger than --max-size" 65 'more than the 1.0 KiB of --max-size' \
    letter "${header}Attachment: a.bin\n\nHello\n" a.bin "$(printf 'x%.0s' {1..3000})" \
    people.csv 'name,email\nAnn,ann@example.net\n' -- --max-size 1K

# --- options -------------------------------------------------------------------------------------

row "--encoding: unknown" 64 'people.csv: unknown encoding "klingon"' -- --encoding klingon
row "--delimiter: more than one character" 64 '--delimiter: one ASCII character, or `tab`' -- --delimiter ';;'
row "--duplicates: unknown" 64 '--duplicates maybe: stop, send or skip' -- --duplicates maybe
row "--bad-rows: unknown" 64 '--bad-rows send: stop or skip' -- --bad-rows send
row "--set: without a value" 64 '--set month: write KEY=VALUE' -- --set month
row "--key: no such column" 65 'people.csv: --key nmae: there is no such column: did you mean "name"?' -- --key nmae
row "--key: empty in a row" 65 'people.csv: row 3: the key "name" is empty' \
    people.csv 'name,email\nAnn,ann@example.net\n,bob@example.net\n' -- --key name
row "--key: twice" 65 'people.csv: row 3: the key "Ann" stands in row 2 already' \
    people.csv 'name,email\nAnn,ann@example.net\nAnn,bob@example.net\n' -- --key name
row "--max-size: no size" 64 'big' -- --max-size big
row "--attach: missing" 66 '--attach: no.pdf: cannot read: No such file or directory' -- --attach no.pdf
row "--suppress: missing" 66 'no.txt: cannot read: No such file or directory' -- --suppress no.txt
row "--suppress: a line that is no address" 65 'gone.txt:2: ' gone.txt 'ann@example.net\nnobody\n' -- --suppress gone.txt
row "--from: a bad address" 65 '--from:1: From: ' -- --from nobody

# --- values that are markup ----------------------------------------------------------------------

case_begin "<b>&\" is escaped in HTML, untouched in text and Subject; an unknown name stops before anything is sent"
mkdir markup
cd markup
start_mailsink "$T/sink" --store "$T/sink/store"
printf 'From: a@example.org\nTo: {{ email }}\nSubject: {{ name }}\nHtml: body.html\n\n{{ name }}\n' >letter
echo '<p title="{{ name }}">{{ name }}</p>' >body.html
printf 'name,email\n"<b>&""x",ann@example.net\n' >people.csv
expect_exit 0 "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off letter people.csv
expect_exit 0 "$MB_PYTHON" -c 'import email, email.policy, glob
m = email.message_from_binary_file(open(glob.glob("../sink/store/new/*")[0], "rb"), policy=email.policy.default)
text, html = (part.get_content() for part in m.iter_parts())
assert m["Subject"] == "<b>&\"x", m["Subject"]
assert text == "<b>&\"x\n", repr(text)
assert html == "<p title=\"&lt;b&gt;&amp;&quot;x\">&lt;b&gt;&amp;&quot;x</p>\n", repr(html)'
echo '{% if not name %}{{ nobody }}{% endif %}' >>body.html
expect_exit 65 "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --accept-changes letter people.csv
expect_line 'body.html:2:21: unknown name "nobody"' "$T/err"
expect_equal "messages at the sink" 1 "$(wc -l <"$T/sink/store/envelopes.jsonl")"
cd ..
statement M-18

# --- what is skipped by word ---------------------------------------------------------------------

case_begin "bad rows and duplicates are skipped by word, and counted"
cd good
printf 'name,email\nAnn,ann@example.net\nBob\nAnne,ann@example.net\nEva,eva@example.net\n' >list.csv
expect_exit 65 "$MB_BIN/mmerge" check letter list.csv
expect_exit 65 "$MB_BIN/mmerge" check --duplicates skip letter list.csv
expect_line "4 rows: 2 good (2 recipients" "$T/out"
expect_line "1 bad, 1 with a To that was there before" "$T/out"
cd ..

case_begin "a folder is no CSV"
mkdir folder
expect_exit 66 "$MB_BIN/mmerge" check good/letter folder
expect_line "folder: is no regular file" "$T/err"
expect_one_line "$T/err"

case_begin "a list without a name of its own needs --ledger"
expect_exit 64 "$MB_BIN/mmerge" send --server smtp://127.0.0.1:1 --tls off good/letter /dev/stdin <good/people.csv
expect_line "/dev/stdin: a list without a name of its own needs --ledger FILE" "$T/err"
expect_exit 69 "$MB_BIN/mmerge" send --server smtp://127.0.0.1:1 --tls off --ledger "$T/own.db" --retry 1 \
    good/letter /dev/stdin <good/people.csv
rm -f "$T"/own.db*

case_begin "preview of one row, and of rows that are not there"
cd good
expect_exit 0 "$MB_BIN/mmerge" preview --row 3 letter people.csv
expect_line "To: Bob <bob@example.net>" "$T/out"
for n in 1 4 99; do
    expect_exit 65 "$MB_BIN/mmerge" preview --row $n letter people.csv
    expect_line "people.csv: has no row $n (the header is row 1)" "$T/err"
done
expect_exit 64 "$MB_BIN/mmerge" preview letter
expect_exit 64 "$MB_BIN/mmerge" check letter people.csv more
cd ..
