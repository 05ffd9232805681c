"""dkim-rows.py N FOLDER: two templates and a list whose N messages are what signatures stumble over:
empty bodies, blank lines and blanks at ends, tabs, dots, folded headers, long lines, octets beyond
ASCII, attachments."""
import csv
import os
import random
import sys

count, folder = int(sys.argv[1]), sys.argv[2]
random.seed(6376)
pieces = ["a", "word ", " ", "  ", "\t", " \t ", "\n", "\n\n", "\r\n", ".", "\n.", "\n..\n", "ü", "日本", "🌷", "=20", "=",
          "From ", "\nFrom me", "x" * 300, "lang " * 60, "-- \n", ">", "\n \n", "\n\t\n"]
bodies = ["", "\n", "\n\n\n", " ", "\t\n \n", ".", ".\n", "no end", "one end\n", "many ends\n\n\n\n", "blanks at the end \t \n",
          "\n\nfirst blank", "tabs\t\tand  blanks   inside", "y" * 997, "z" * 5000, "ü" * 700, "a\rb\rc\r", "\n.\n..\n...\n"]


def text(i):
    return bodies[i] if i < len(bodies) else "".join(random.choices(pieces, k=random.randint(0, 40)))


def line(most):
    words = ["Ernte", "harvest", "Grüße", "  two blanks  ", "日程表", "\ttab\t", "<b>&\"", "=?utf-8?q?x?=", "Ω", "long" * 15]
    return " ".join(random.choices(words, k=random.randint(0, most)))


with open(os.path.join(folder, "rows.csv"), "w", newline="", encoding="utf-8") as out:
    rows = csv.writer(out)
    rows.writerow(["nr", "name", "email", "subject", "note", "text", "html", "file"])
    for i in range(count):
        address = f"zoë{i}@example.org" if i % 4 == 3 else f"r{i}@example.org"
        rows.writerow([i + 1, line(3).strip() or "Ann", address, line(14), line(20), text(i),
                       text(i + 7) if i % 3 == 0 else "plain", "octets.bin" if i % 5 == 0 else ""])
with open(os.path.join(folder, "octets.bin"), "wb") as out:
    out.write(random.randbytes(9000))
with open(os.path.join(folder, "body.html"), "w") as out:
    out.write("<p>{{ nr }}</p>\n<pre>{{ html }}</pre>\n\n \t \n\n")
letter = """From: "Gärtnerei, Grün" <garden@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ subject }}
X-Note: {{ note }}
X-Row: {{ nr }}
Html: body.html
Attachment: {{ file }}
List-Unsubscribe: <https://example.org/u?m={{ email }}>, <mailto:leave@example.org?subject={{ nr }}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click

{{ text }}"""
with open(os.path.join(folder, "rich"), "w", encoding="utf-8") as out:
    out.write(letter)
with open(os.path.join(folder, "plain"), "w", encoding="utf-8") as out:
    out.write(letter.replace("Html: body.html\nAttachment: {{ file }}\n", ""))
