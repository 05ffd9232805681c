#!/usr/bin/env python3
"""Prepares a mail for a browser, and looks at what the browser showed.

  screenshot.py page FOLDER MAIL  FOLDER is what `mparse -x FOLDER MAIL` wrote: writes FOLDER/page.html,
                                  the HTML part with each cid: replaced by the file of the part with
                                  that Content-ID (Python's email package reads MAIL for it); prints
                                  how many were replaced
  screenshot.py holds SHOT IMAGE WIDTH HEIGHT
                                  whether the picture IMAGE, scaled to WIDTH x HEIGHT, is in the
                                  screenshot: prints "X Y" of its place, or ends with 1
"""
import email
import hashlib
import json
import re
import struct
import sys
import zlib


def read_png(path):
    """Rows of (red, green, blue, alpha) of a PNG of 8 bits a channel, not interlaced."""
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    at, packed, palette, alphas = 8, b"", [], b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert depth == 8 and not interlaced, (path, depth, interlaced)
        elif kind == b"PLTE":
            palette = [tuple(body[i:i + 3]) for i in range(0, length, 3)]
        elif kind == b"tRNS":
            alphas = body
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    size = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    raw, stride = zlib.decompress(packed), width * size
    before, rows = bytearray(stride), []
    for y in range(height):
        start = y * (stride + 1)
        how, line = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        for i in range(stride if how else 0):
            left = line[i - size] if i >= size else 0
            up, corner = before[i], before[i - size] if i >= size else 0
            if how == 4:
                guess = left + up - corner
                near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up),
                           (abs(guess - corner), 2, corner))[2]
            else:
                near = (0, left, up, (left + up) // 2)[how]
            line[i] = (line[i] + near) & 255
        rows.append([pixel(line[i:i + size], colour, palette, alphas) for i in range(0, stride, size)])
        before = line
    return rows


def pixel(value, colour, palette, alphas):
    if colour == 3:
        alpha = alphas[value[0]] if value[0] < len(alphas) else 255
        return (*palette[value[0]], alpha)
    if colour in (0, 4):
        return (value[0],) * 3 + (value[1] if colour == 4 else 255,)
    return (*value[:3], value[3] if colour == 6 else 255)


def page(folder, mail):
    parts = [json.loads(line) for line in open(folder + "/manifest.jsonl")]
    by_digest = {part["sha256"]: part["file"] for part in parts}
    files = {}
    for part in email.message_from_bytes(open(mail, "rb").read()).walk():
        if part["Content-ID"]:
            digest = hashlib.sha256(part.get_payload(decode=True)).hexdigest()
            files[part["Content-ID"].strip("<>")] = by_digest[digest]
    html = next(part["file"] for part in parts if part["type"] == "text/html")
    text = open(f"{folder}/{html}", encoding="utf-8").read()
    text, count = re.subn(r'(["\'])cid:([^"\']+)\1', lambda match: f'"{files[match[2]]}"', text)
    open(folder + "/page.html", "w", encoding="utf-8").write(text)
    print(count)


def scaled(rows, width, height):
    """The middle of each target pixel, on white."""
    out = []
    for y in range(height):
        source = rows[int((y + 0.5) * len(rows) / height)]
        line = [source[int((x + 0.5) * len(source) / width)] for x in range(width)]
        out.append([tuple((c * p[3] + 255 * (255 - p[3])) // 255 for c in p[:3]) for p in line])
    return out


def differs(a, b):
    return max(abs(x - y) for x, y in zip(a, b)) > 24


def holds(shot, image, width, height):
    """Pixels at edges are smoothed by the browser: nine of ten must be the same."""
    shot, image = read_png(shot), scaled(read_png(image), width, height)
    colours = {p for line in image for p in line}
    assert len(colours) > 1, "a picture of one colour proves nothing"
    samples = [(x, y) for y in range(2, height, 7) for x in range(2, width, 7)]
    for top in range(len(shot) - height + 1):
        for left in range(len(shot[0]) - width + 1):
            wrong = 0
            for x, y in samples:
                wrong += differs(shot[top + y][left + x], image[y][x])
                if wrong > len(samples) // 10:
                    break
            else:
                wrong = sum(differs(shot[top + y][left + x], image[y][x])
                            for y in range(height) for x in range(width))
                if wrong <= width * height // 10:
                    print(left, top)
                    return 0
    print("the picture is not in the screenshot", file=sys.stderr)
    return 1


if sys.argv[1] == "page":
    page(sys.argv[2], sys.argv[3])
else:
    sys.exit(holds(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
