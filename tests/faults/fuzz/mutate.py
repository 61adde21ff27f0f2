"""Damage to files, drawn from a random.Random: bytes of any file, values of a JSON text, the header of safetensors."""
import json
import math
import struct

ODD_BYTES = [b"\t", b" ", b"\n", b"\r\n", b"\r", b":", b"-", b"[", b"]", b"{", b"}", b'"', b"'", b",", b"\\", b"#", b"&", b"*",
             b"!", b"|", b"%", b"$", b"@", b"\0", b"\x80", b"\xff", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"~",
             b"<", b"=", b".", b"0", b"9", b"a", b"##", b"[UNK]", b"\xc2\xa0", b"NaN", b"1e999", b"-1", b"99999999999999999999"]
ODD_VALUES = [None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.0, 1e300, 1e19, 2**31, 2**31 - 1, 2**32, 2**53, 2**63 - 1,
              2**63, -2**63, 2**64, 10**30, math.nan, math.inf, -math.inf, "", "x", "1", "0", "true", "null", "\0", "é", "../x",
              "/", ".", "a" * 300, [], {}, [[]], [None], [1], ["x"], [{}], {"": 0}, {"0": None}, {"x": []},
              {"a": {"b": {"c": [1, 2, {"d": None}]}}}]


def damaged(content, random):
    """Some small edits of bytes, and sometimes a cut."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(data) + 1)
        choice = random.randrange(8)
        if choice == 0:
            del data[at:at + random.randint(1, 8)]
        elif choice in (1, 2):
            data[at:at] = random.choice(ODD_BYTES)
        elif choice in (3, 4):
            data[at:at + 1] = random.choice(ODD_BYTES)
        elif choice == 5:
            begin = random.randrange(len(data) + 1)
            data[at:at] = data[begin:begin + random.randint(1, 40)]
        elif choice == 6 and data:
            data[min(at, len(data) - 1)] ^= 1 << random.randrange(8)
        elif random.random() < 0.3:
            del data[at:]
    return bytes(data)


def damaged_lines(content, random):
    """Whole lines are dropped, doubled, swapped or emptied."""
    lines = content.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(lines))
        choice = random.randrange(5)
        if choice == 0 and len(lines) > 1:
            del lines[at]
        elif choice == 1:
            lines.insert(at, random.choice(lines))
        elif choice == 2:
            lines[at] = random.choice(ODD_BYTES)
        elif choice == 3:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines[at] += random.choice(ODD_BYTES) * random.choice((1, 2, 200))
    return b"\n".join(lines)


def text(content, random):
    return damaged_lines(content, random) if random.random() < 0.4 else damaged(content, random)


def places(value, found):
    """Each container with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        places(item, found)
    return found


def change_value(value, random):
    """One value somewhere inside becomes another, goes, or moves."""
    all_places = places(value, [])
    if not all_places:
        return random.choice(ODD_VALUES)
    holder, key = random.choice(all_places)
    old, choice = holder[key], random.randrange(10)
    if choice < 6:
        holder[key] = random.choice(ODD_VALUES)
    elif choice == 6:
        del holder[key]
    elif choice == 7 and isinstance(old, (int, float)) and not isinstance(old, bool):
        holder[key] = random.choice((old + 1, old - 1, -old, old * 2, old * 1000003, float(old), str(old)))
    elif choice == 8:
        other, there = random.choice(all_places)
        holder[key] = other.get(there) if isinstance(other, dict) else other[there] if there < len(other) else None
    elif isinstance(holder, dict):
        holder[random.choice(("x", "", str(key) + "x", "0", "type", "name"))] = holder.pop(key)
    else:
        holder.insert(key, random.choice(ODD_VALUES))
    return value


def changed_json(value, random):
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = change_value(value, random)
        try:
            json.dumps(value)
        except (ValueError, RecursionError):  # it holds itself now
            return {}
    return value


def json_text(content, random):
    if random.random() < 0.25:
        return damaged(content, random)
    return json.dumps(changed_json(json.loads(content), random)).encode()


def json_lines(content, random):
    if random.random() < 0.5:
        return text(content, random)
    lines = content.strip().split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = json.dumps(changed_json(json.loads(lines[at]), random)).encode()
    return b"\n".join(lines) + b"\n"


def safetensors(content, random):
    if random.random() < 0.4:
        return damaged(content, random)
    length = struct.unpack("<Q", content[:8])[0]
    header = json.dumps(changed_json(json.loads(content[8:8 + length]), random)).encode()
    told = len(header) if random.random() < 0.9 else random.choice((0, 1, 2**31, 2**63, 2**64 - 1, len(header) + 1))
    return struct.pack("<Q", told) + header + content[8 + length:]
