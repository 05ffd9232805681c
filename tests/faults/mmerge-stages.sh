#!/usr/bin/env bash
# Every stage of the SMTP dialogue, and what may happen there: 421, a refusal for now and for good, the connection
# dropped, silence, garbage, replies octet by octet, and some worse ones. A campaign of four rows (ann, bob, eva, ida)
# meets the fault, with DATA (pipelined), BDAT, without PIPELINING (wait), or with STARTTLS and a login (tls); `+` is
# one row of 21 MB, so that the fault comes in the middle of its content. The ledger's word is what the sink's store
# says, in every case, and nobody is mailed twice. MB_STAGES_JOBS=12 says how many cases run side by side.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/mmerge.sh"

make_certificate "$T"
make_letter "$T/letter"
sed 's/^Subject/Attachment: big.bin\nSubject/' "$T/letter" >"$T/big-letter"
head -c 16000000 /dev/urandom >"$T/big.bin"
printf 'name,email\nAnn,ann@example.net\nBob,bob@example.net\nEva,eva@example.net\nIda,ida@example.net\n' \
    >"$T/people.csv"
echo pw >"$T/password"
chmod 600 "$T/password"
MB_SANITIZED=$(grep -q "^MAILBATCH_SANITIZE:.*=." "$MB_BUILD/CMakeCache.txt" && echo 1 || echo 0)
export MB_SANITIZED

# stage, fault, mode, the n-th such command (* for all), more faults | exit code | who is sent, refused, deferred, in
# doubt, pending; who is in the store | what is said. For `lose`, `mute`, `extra` and in doubt the store may know more.
rows()
{
    cat <<'ROWS'
greeting | 421     | tls   | 1 |                          |  0 | abei - - - - abei | the server turns us away: 421 4.3.2 enough
greeting | 4xx     | tls   | 1 |                          |  0 | abei - - - - abei | the server turns us away: 451 4.3.0 later
greeting | 5xx     | tls   | 1 |                          | 69 | - - - - abei - | the server turns us away: 554 5.7.0 no
greeting | drop    | tls   | 1 |                          |  0 | abei - - - - abei | the connection was closed by the server while the greeting awaited a reply
greeting | silence | tls   | 1 |                          |  0 | abei - - - - abei | no answer within 3 s, while the greeting awaited a reply
greeting | garbage | tls   | 1 |                          | 76 | - - - - abei - | at the greeting: not an SMTP reply: \x16
greeting | bytes   | tls   | 1 |                          |  0 | abei - - - - abei | 4 sent
greeting | 421     | tls   | * |                          | 75 | - - - - abei - | the server turns us away: 421 4.3.2 enough
greeting | 4xx     | tls   | * |                          | 75 | - - - - abei - | the server turns us away: 451 4.3.0 later
greeting | 5xx     | tls   | * |                          | 69 | - - - - abei - | the server turns us away: 554 5.7.0 no
greeting | drop    | tls   | * |                          | 75 | - - - - abei - | the connection was closed by the server while the greeting awaited a reply
greeting | silence | tls   | * |                          | 75 | - - - - abei - | no answer within 3 s, while the greeting awaited a reply
greeting | garbage | tls   | * |                          | 76 | - - - - abei - | at the greeting: not an SMTP reply: \x16
greeting | bytes   | tls   | * |                          |  0 | abei - - - - abei | 4 sent
greeting | drip    | tls   | * |                          | 75 | - - - - abei - | no whole reply within 3 s, while the greeting awaited a reply
ehlo     | 421     | tls   | 1 |                          |  0 | abei - - - - abei | the server closes the connection: 421 4.3.2 enough
ehlo     | 4xx     | tls   | 1 |                          |  0 | abei - - - - abei | our EHLO was refused: 451 4.3.0 later
ehlo     | 5xx     | tls   | 1 |                          | 69 | - - - - abei - | STARTTLS is required, and the server does not offer it
ehlo     | drop    | tls   | 1 |                          |  0 | abei - - - - abei | the connection was closed by the server while EHLO awaited a reply
ehlo     | silence | tls   | 1 |                          |  0 | abei - - - - abei | no answer within 3 s, while EHLO awaited a reply
ehlo     | garbage | tls   | 1 |                          | 76 | - - - - abei - | at EHLO: not an SMTP reply: \x16
ehlo     | bytes   | tls   | 1 |                          |  0 | abei - - - - abei | 4 sent
ehlo     | 421     | tls   | * |                          | 75 | - - - - abei - | the server closes the connection: 421 4.3.2 enough
ehlo     | 4xx     | tls   | * |                          | 75 | - - - - abei - | our EHLO was refused: 451 4.3.0 later
ehlo     | 5xx     | tls   | * |                          | 69 | - - - - abei - | our EHLO was refused: 554 5.7.0 no
ehlo     | drop    | tls   | * |                          | 75 | - - - - abei - | the connection was closed by the server while EHLO awaited a reply
ehlo     | silence | tls   | * |                          | 75 | - - - - abei - | no answer within 3 s, while EHLO awaited a reply
ehlo     | garbage | tls   | * |                          | 76 | - - - - abei - | at EHLO: not an SMTP reply: \x16
ehlo     | bytes   | tls   | * |                          |  0 | abei - - - - abei | 4 sent
ehlo     | drip    | tls   | * |                          | 75 | - - - - abei - | no whole reply within 3 s, while EHLO awaited a reply
starttls | 421     | tls   | 1 |                          |  0 | abei - - - - abei | the server closes the connection: 421 4.3.2 enough
starttls | 4xx     | tls   | 1 |                          |  0 | abei - - - - abei | STARTTLS was refused, and nothing is sent in clear: 451 4.3.0 later
starttls | 5xx     | tls   | 1 |                          | 69 | - - - - abei - | STARTTLS was refused, and nothing is sent in clear: 554 5.7.0 no
starttls | drop    | tls   | 1 |                          |  0 | abei - - - - abei | the connection was closed by the server while STARTTLS awaited a reply
starttls | silence | tls   | 1 |                          |  0 | abei - - - - abei | no answer within 3 s, while STARTTLS awaited a reply
starttls | garbage | tls   | 1 |                          | 76 | - - - - abei - | at STARTTLS: not an SMTP reply: \x16
starttls | bytes   | tls   | 1 |                          |  0 | abei - - - - abei | 4 sent
starttls | 421     | tls   | * |                          | 75 | - - - - abei - | the server closes the connection: 421 4.3.2 enough
starttls | 4xx     | tls   | * |                          | 75 | - - - - abei - | STARTTLS was refused, and nothing is sent in clear: 451 4.3.0 later
starttls | 5xx     | tls   | * |                          | 69 | - - - - abei - | STARTTLS was refused, and nothing is sent in clear: 554 5.7.0 no
starttls | drop    | tls   | * |                          | 75 | - - - - abei - | the connection was closed by the server while STARTTLS awaited a reply
starttls | silence | tls   | * |                          | 75 | - - - - abei - | no answer within 3 s, while STARTTLS awaited a reply
starttls | garbage | tls   | * |                          | 76 | - - - - abei - | at STARTTLS: not an SMTP reply: \x16
starttls | bytes   | tls   | * |                          |  0 | abei - - - - abei | 4 sent
starttls | drip    | tls   | * |                          | 75 | - - - - abei - | no whole reply within 3 s, while STARTTLS awaited a reply
auth     | 421     | tls   | 1 |                          |  0 | abei - - - - abei | the server closes the connection: 421 4.3.2 enough
auth     | 4xx     | tls   | 1 |                          |  0 | abei - - - - abei | the login failed for now: 451 4.3.0 later
auth     | 535     | tls   | 1 |                          | 77 | - - - - abei - | the login of u1 was refused: 535 5.7.8 no
auth     | drop    | tls   | 1 |                          |  0 | abei - - - - abei | the connection was lost while AUTH awaited a reply
auth     | silence | tls   | 1 |                          |  0 | abei - - - - abei | no answer within 3 s, while AUTH awaited a reply
auth     | garbage | tls   | 1 |                          | 76 | - - - - abei - | at AUTH: not an SMTP reply: \x16
auth     | bytes   | tls   | 1 |                          |  0 | abei - - - - abei | 4 sent
auth     | 421     | tls   | * |                          | 75 | - - - - abei - | the server closes the connection: 421 4.3.2 enough
auth     | 4xx     | tls   | * |                          | 75 | - - - - abei - | the login failed for now: 451 4.3.0 later
auth     | 535     | tls   | * |                          | 77 | - - - - abei - | the login of u1 was refused: 535 5.7.8 no
auth     | drop    | tls   | * |                          | 75 | - - - - abei - | the connection was lost while AUTH awaited a reply
auth     | silence | tls   | * |                          | 75 | - - - - abei - | no answer within 3 s, while AUTH awaited a reply
auth     | garbage | tls   | * |                          | 76 | - - - - abei - | at AUTH: not an SMTP reply: \x16
auth     | bytes   | tls   | * |                          |  0 | abei - - - - abei | 4 sent
auth     | drip    | tls   | * |                          | 75 | - - - - abei - | no whole reply within 3 s, while AUTH awaited a reply
ehlo     | 5xx     | tls   | 2 |                          | 69 | - - - - abei - | a login was asked for, and the server does not offer AUTH
ehlo     | drop    | tls   | 2 |                          |  0 | abei - - - - abei | the connection was lost while EHLO awaited a reply
ehlo     | lines   | tls   | * |                          | 76 | - - - - abei - | at EHLO: a reply of more than 128 lines
greeting | line    | tls   | * |                          | 76 | - - - - abei - | at the greeting: a reply without an end: over 1048576 octets
mail     | 421     | data  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
mail     | 4xx     | data  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
mail     | 5xx     | data  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
mail     | drop    | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
mail     | silence | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
mail     | garbage | data  | 2 |                          | 76 | a - - - bei a | at MAIL: not an SMTP reply: \x16
mail     | bytes   | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
mail     | 421     | bdat  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
mail     | 4xx     | bdat  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
mail     | 5xx     | bdat  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
mail     | drop    | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
mail     | silence | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
mail     | garbage | bdat  | 2 |                          | 76 | a - - bei - aei | at MAIL: not an SMTP reply: \x16
mail     | bytes   | bdat  | 2 |                          |  0 | abei - - - - abei | 4 sent
mail     | 421     | wait  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
mail     | 4xx     | wait  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
mail     | 5xx     | wait  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
mail     | drop    | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
mail     | silence | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
mail     | garbage | wait  | 2 |                          | 76 | a - - - bei a | at MAIL: not an SMTP reply: \x16
mail     | bytes   | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | 421     | data  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
rcpt     | 4xx     | data  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
rcpt     | 5xx     | data  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
rcpt     | drop    | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | silence | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | garbage | data  | 2 |                          | 76 | a - - - bei a | at RCPT: not an SMTP reply: \x16
rcpt     | bytes   | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | 421     | bdat  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
rcpt     | 4xx     | bdat  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
rcpt     | 5xx     | bdat  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
rcpt     | drop    | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
rcpt     | silence | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
rcpt     | garbage | bdat  | 2 |                          | 76 | a - - bei - aei | at RCPT: not an SMTP reply: \x16
rcpt     | bytes   | bdat  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | 421     | wait  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
rcpt     | 4xx     | wait  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
rcpt     | 5xx     | wait  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
rcpt     | drop    | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | silence | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
rcpt     | garbage | wait  | 2 |                          | 76 | a - - - bei a | at RCPT: not an SMTP reply: \x16
rcpt     | bytes   | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
data     | 421     | data  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
data     | 4xx     | data  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
data     | 5xx     | data  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
data     | drop    | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
data     | silence | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
data     | garbage | data  | 2 |                          | 76 | a - - - bei a | at DATA: not an SMTP reply: \x16
data     | bytes   | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
data     | 421     | wait  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
data     | 4xx     | wait  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
data     | 5xx     | wait  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
data     | drop    | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
data     | silence | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
data     | garbage | wait  | 2 |                          | 76 | a - - - bei a | at DATA: not an SMTP reply: \x16
data     | bytes   | wait  | 2 |                          |  0 | abei - - - - abei | 4 sent
content  | 421     | data  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
content  | 4xx     | data  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
content  | 5xx     | data  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
content  | drop    | data  | 2 |                          | 75 | aei - - b - aei | in doubt
content  | silence | data  | 2 |                          | 75 | aei - - b - aei | in doubt
content  | garbage | data  | 2 |                          | 76 | a - - b ei ab | at the end of the message: not an SMTP reply: \x16
content  | bytes   | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
content  | 421     | bdat  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
content  | 4xx     | bdat  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
content  | 5xx     | bdat  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
content  | drop    | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
content  | silence | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
content  | garbage | bdat  | 2 |                          | 76 | a - - bei - abei | at the end of the message: not an SMTP reply: \x16
content  | bytes   | bdat  | 2 |                          |  0 | abei - - - - abei | 4 sent
dot      | 421     | data  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
dot      | 4xx     | data  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
dot      | 5xx     | data  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
dot      | drop    | data  | 2 |                          | 75 | aei - - b - aei | in doubt
dot      | silence | data  | 2 |                          | 75 | aei - - b - aei | in doubt
dot      | garbage | data  | 2 |                          | 76 | a - - b ei a | at the end of the message: not an SMTP reply: \x16
dot      | bytes   | data  | 2 |                          |  0 | abei - - - - abei | 4 sent
dot      | 421     | bdat  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
dot      | 4xx     | bdat  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
dot      | 5xx     | bdat  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
dot      | drop    | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
dot      | silence | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
dot      | garbage | bdat  | 2 |                          | 76 | a - - bei - aei | at the end of the message: not an SMTP reply: \x16
dot      | bytes   | bdat  | 2 |                          |  0 | abei - - - - abei | 4 sent
content  | 421     | data+ | 1 |                          | 75 | - - a - bei - | the server did not wait for the end of a message: 421 4.3.2 enough
content  | 421     | bdat+ | 1 |                          | 75 | - - a - bei - | the server closes the connection: 421 4.3.2 enough
content  | 4xx     | data+ | 1 |                          | 75 | - - a - bei - | 451 4.3.0 later
content  | 4xx     | bdat+ | 1 |                          | 75 | - - a - bei - | 451 4.3.0 later
content  | 5xx     | data+ | 1 |                          | 10 | - a - - bei - | 554 5.7.0 no
content  | 5xx     | bdat+ | 1 |                          | 10 | - a - - bei - | 554 5.7.0 no
content  | drop    | data+ | 1 |                          |  0 | a - - - bei a | while the end of the message awaited a reply
content  | drop    | bdat+ | 1 |                          |  0 | a - - - bei a | while the end of the message awaited a reply
content  | garbage | data+ | 1 |                          | 76 | - - - - abei - | at the end of the message: not an SMTP reply: \x16
content  | garbage | bdat+ | 1 |                          | 76 | - - - - abei - | at the end of the message: not an SMTP reply: \x16
content  | early   | data+ | 1 |                          | 76 | - - - - abei - | a reply to nothing: at the end of the message: 250 ok
content  | early   | bdat+ | 1 |                          | 76 | - - - - abei - | accepted before it was all sent: at the end of the message: 250 ok
content  | silence | data+ | 1 |                          | 75 | - - - a bei - | no answer within 3 s, while the end of the message awaited a reply
content  | silence | bdat+ | 1 |                          | 75 | - - - a bei - | no answer within 3 s, while the end of the message awaited a reply
bdat     | 421     | bdat  | 2 |                          | 75 | aei - b - - aei | 421 4.3.2 enough
bdat     | 4xx     | bdat  | 2 |                          | 75 | aei - b - - aei | 451 4.3.0 later
bdat     | 5xx     | bdat  | 2 |                          | 10 | aei b - - - aei | 554 5.7.0 no
bdat     | drop    | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
bdat     | silence | bdat  | 2 |                          | 75 | a - - bei - a | in doubt
bdat     | garbage | bdat  | 2 |                          | 76 | a - - bei - aei | at the end of the message: not an SMTP reply: \x16
bdat     | bytes   | bdat  | 2 |                          |  0 | abei - - - - abei | 4 sent
rset     | 421     | data  | 1 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
rset     | 4xx     | data  | 1 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
rset     | 5xx     | data  | 1 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
rset     | drop    | data  | 1 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
rset     | silence | data  | 1 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
rset     | garbage | data  | 1 | smtp rcpt 2 550 5.1.1 who | 76 | a b - - ei a | at RSET: not an SMTP reply: \x16
rset     | bytes   | data  | 1 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
rset     | 421     | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
rset     | 4xx     | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
rset     | 5xx     | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
rset     | drop    | bdat  | 1 |                          | 75 | a - - bei - a | in doubt
rset     | silence | bdat  | 1 |                          | 75 | a - - bei - a | in doubt
rset     | garbage | bdat  | 1 |                          | 76 | a - - bei - abei | at RSET: not an SMTP reply: \x16
rset     | bytes   | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | 421     | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | 4xx     | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | 5xx     | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | drop    | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | silence | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | garbage | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | bytes   | data  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | 421     | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | 4xx     | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | 5xx     | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | drop    | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | silence | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | garbage | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
quit     | bytes   | bdat  | 1 |                          |  0 | abei - - - - abei | 4 sent
dot      | lose    | data  | 2 |                          | 75 | aei - - b - abei | in doubt
dot      | drip    | data  | 2 |                          | 75 | aei - - b - abei | in doubt
dot      | lines   | data  | 2 |                          | 76 | a - - b ei a | at the end of the message: a reply of more than 128 lines
dot      | line    | data  | 2 |                          | 76 | a - - b ei a | at the end of the message: a reply without an end: over 1048576 octets
dot      | mute    | data  | 2 |                          | 76 | ab - - - ei ab | a reply that does not fit: at RCPT: 354 end with a dot
dot      | extra   | data  | 2 |                          | 76 | ab - - - ei ab | a reply that does not fit: at DATA: 250 2.1.5 recipient ok
dot      | 354     | data  | 2 |                          | 76 | a - - b ei a | a reply that does not fit: at the end of the message: 354 go on
rcpt     | mute    | data  | 2 |                          | 76 | a - - - bei a | a reply that does not fit: at RCPT: 354 end with a dot
rcpt     | extra   | data  | 2 |                          | 76 | a - - - bei a | a reply that does not fit: at DATA: 250 ok
rcpt     | 354     | data  | 2 |                          | 76 | a - - - bei a | a reply that does not fit: at RCPT: 354 go on
dot      | lose    | bdat  | 2 |                          | 75 | a - - bei - ab | in doubt
dot      | drip    | bdat  | 2 |                          | 75 | - - - abei - abei | no whole reply within 3 s, while MAIL awaited a reply
dot      | lines   | bdat  | 2 |                          | 76 | a - - bei - a | at the end of the message: a reply of more than 128 lines
dot      | line    | bdat  | 2 |                          | 76 | a - - bei - a | at the end of the message: a reply without an end: over 1048576 octets
dot      | mute    | bdat  | 2 |                          | 75 | abe - - i - abei | in doubt
dot      | extra   | bdat  | 2 |                          | 76 | abei - - - - abei | a reply to nothing: at MAIL: 250 2.0.0 kept as 4
dot      | 354     | bdat  | 2 |                          | 76 | a - - bei - aei | a reply that does not fit: at the end of the message: 354 go on
rcpt     | mute    | bdat  | 2 |                          | 75 | abe - - i - abei | in doubt
rcpt     | extra   | bdat  | 2 |                          | 76 | abei - - - - abei | a reply to nothing: at MAIL: 250 2.0.0 kept as 4
rcpt     | 354     | bdat  | 2 |                          | 76 | a - - bei - aei | a reply that does not fit: at RCPT: 354 go on
data     | 354     | data  | 2 | smtp mail 2 550 5.7.1 no | 10 | aei b - - - aei | 550 5.7.1 no
data     | 354     | data  | 2 | smtp rcpt 2 550 5.1.1 who | 10 | aei b - - - aei | 550 5.1.1 who
mail     | drop    | data  | * |                          | 75 | - - - - abei - | the connection was closed by the server while MAIL awaited a reply
mail     | 421     | data  | * |                          | 75 | - - ab - ei - | the server closes the connection: 421 4.3.2 enough
ROWS
}

case_begin "the ledger's word is the store's, whatever goes wrong at whichever stage"
rows | "$MB_PYTHON" "$MB_SOURCE/tests/support/stages.py" "$T" >"$T/table" || fail "see the table"
cat "$T/table"
statement M-20 M-21 M-23 M-24 M-26
