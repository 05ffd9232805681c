"""Validates lines of mparse -f json on stdin: mparse-schema.py SCHEMA. Prints how many there were."""
import json
import sys

import jsonschema

sys.setrecursionlimit(100000)
schema = json.load(open(sys.argv[1], encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
# By its record's name, not by trying all: the first error is then the one that matters.
checks = {name.removeprefix("record_"): jsonschema.Draft202012Validator(
              {"$ref": "#/$defs/" + name, "$defs": schema["$defs"]})
          for name in schema["$defs"] if name.startswith("record_")}
lines = 0
for line in sys.stdin.buffer:
    record = json.loads(line)
    lines += 1
    for error in checks[record["record"]].iter_errors(record):
        place = "/".join(map(str, error.absolute_path))
        sys.exit("line %d, %s: %s" % (lines, place, error.message[:300]))
print(lines)
