"""A campaign to measure with: DIR/letter.txt, DIR/body.html and DIR/rows.csv.

    mmerge-rows.py DIR ROWS [ATTACHMENT]

Text and HTML have 4 KB together, and every row's differ in a dozen places. ATTACHMENT is the size
in octets of a file that goes with every message.
"""
import os
import random
import sys

WORDS = """spring seed garden bed row water leaf root early late sunny shade frost soil compost
mulch basil bean carrot onion parsley radish salad spinach tomato leek plant sow thin weed pick
store week month morning evening our your the and with from into over under before after""".split()
FIRST = ["Jürgen", "Ana", "Mary", "Łukasz", "Chloë", "Tom", "Ingrid", "José", "Ruth", "Sven"]
LAST = ["Müller", "Souza", "Smith", "Nowak", "Martin", "Baker", "Holm", "García", "Levi", "Berg"]
TOWNS = ["Köln", "Porto", "Leeds", "Kraków", "Lyon", "Boston", "Bergen", "Cádiz", "Haifa", "Umeå"]


def sentences(random_, size):
    out = ""
    while len(out) < size:
        words = [random_.choice(WORDS) for _ in range(random_.randint(6, 12))]
        out += " ".join(words).capitalize() + ". "
    return out[:size].rstrip()


def wrap(text):
    out, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 71:
            out.append(line)
            line = ""
        line += (" " if line else "") + word
    return "\n".join(out + [line])


def main(folder, rows, attachment):
    random_ = random.Random(4)
    body = [wrap(sentences(random_, 400)) for _ in range(3)]
    text = (
        "Dear {{ first }},\n\n" + body[0] + "\n\n"
        "Your number is {{ number }}, your place {{ place }} in {{ town }}.\n"
        "You ordered {{ pieces }} pieces for {{ price }} on {{ day }}.\n\n"
        + body[1] + "\n\nYours, {{ seller }}\n-- \nTo leave: https://example.org/leave/{{ code }}\n"
    )
    html = (
        "<!DOCTYPE html>\n<html><head><title>News for {{ first }} {{ last }}</title></head>\n<body>\n"
        "<h1>Dear {{ first }} {{ last }},</h1>\n<p>" + body[0] + "</p>\n<table>\n"
        "<tr><td>Number</td><td>{{ number }}</td></tr>\n<tr><td>Place</td><td>{{ place }}</td></tr>\n"
        "<tr><td>Town</td><td>{{ town }}</td></tr>\n<tr><td>Pieces</td><td>{{ pieces }}</td></tr>\n"
        "<tr><td>Price</td><td>{{ price }}</td></tr>\n<tr><td>Day</td><td>{{ day }}</td></tr>\n"
        "</table>\n<p>" + body[1] + "</p>\n<p class=\"quiet\">" + body[2] + "</p>\n"
        "<p>Yours, {{ seller }}. <a href=\"https://example.org/leave/{{ code }}\">Leave</a></p>\n"
    )
    room = 4096 - len(text) - len(html) - len("</body></html>\n<!-- -->\n")
    html += "<!-- " + wrap(sentences(random_, max(room, 10))) + " -->\n</body></html>\n"
    attach = ""
    if attachment:
        attach = "Attachment: file.bin\n"
        with open(os.path.join(folder, "file.bin"), "wb") as out:
            out.write(random_.randbytes(attachment))
    with open(os.path.join(folder, "letter.txt"), "w", encoding="utf-8") as out:
        out.write(
            "From: Green Shop <news@example.org>\nTo: {{ first }} {{ last }} <{{ email }}>\n"
            "Subject: {{ first }}, your place {{ place }} in {{ town }}\nHtml: body.html\n"
            + attach + "\n" + text
        )
    with open(os.path.join(folder, "body.html"), "w", encoding="utf-8") as out:
        out.write(html)
    with open(os.path.join(folder, "rows.csv"), "w", encoding="utf-8") as out:
        out.write("email,first,last,number,place,town,pieces,price,day,seller,code\n")
        for i in range(rows):
            out.write(
                f"user{i}@example.net,{FIRST[i % 10]},{LAST[i // 10 % 10]},{100000 + i},"
                f"{'ABCDEFGH'[i % 8]}{i % 97},{TOWNS[i // 3 % 10]},{i % 13 + 1},"
                f"{i % 200 + 5}.{i % 90 + 10},2026-{i % 12 + 1:02}-{i % 28 + 1:02},"
                f"{FIRST[i // 7 % 10]},{random_.getrandbits(64):016x}\n"
            )


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
