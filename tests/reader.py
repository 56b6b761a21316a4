#!/usr/bin/python3
"""A second reader of .mst traces, written from docs/FORMAT.md alone. It prints every item of each file whose path it
reads from standard input as a line of JSON, then an empty line. tests/second.rs compares that with our own reader."""
import json
import sys

import zstandard

MAX_RAW, MAX_BODY, MAX_PAYLOAD, MAX_BEFORE = 8 << 20, 1 << 20, 4096, 16 << 20
TABLE = list(range(256))
for _ in range(8):
    TABLE = [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in TABLE]


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


def bound(n):
    return n + n // 256 + ((131072 - n) // 2048 if n < 131072 else 0)


# What the document says. Fields are "name:type": the types B H I Q q have a fixed size, a number is that many bytes, the
# others are those of section 7. A name with ? is absent where the bytes end before it or where it is 0; _ says nothing.
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8, "q": 8}
# Sections 2 to 4, by the magic of the frame: a name, how the payload begins, its size, where its CRC stands, its fields.
HEADERS = {
    b"Z*M\x18": ("start", b"\x89MST\r\n\x1A\n", range(136, MAX_PAYLOAD + 1), 132,
                 "major:H minor:H len:I incompat:Q compat:Q file_uuid:16 session_uuid:16 segment_index:I max_block_raw:I "
                 "created_realtime:q created_boottime:Q boot_id:16 host_id:16"),
    b"[*M\x18": ("block", b"MBLK\1", [96], 92, "type:B flags:H tag:8 seq:Q raw_len:I stored_len:I records:I events:I "
                 "ts_min:Q ts_max:Q base:Q lost_total:Q op_mask:Q _:Q stored_crc:I"),
    b"\\*M\x18": ("end", b"MEND", [48], 40, "flags:I tag:8 index_offset:Q index_len:Q base:Q _:I trailer:4")}
RECORDS = {  # section 7
    0x0001: ("metadata", "tool_version:string tool_commit:string args:list,string hostname:string kernel_release:string "
             "kernel_version:string machine:string os:string page_size:u32 cpus:u32 boot_id:16 init_mnt_ns:option,u64 "
             "recorder_pid:u32 attach_mode:string attach_reason:string attached:list,string "
             "missing:list,tuple,string,string filters:list,string ring_bytes:u64 flush_ns:u64 level:i32 "
             "redaction:string labels:list,tuple,string,string"),
    0x0002: ("clock_sync", "boottime:u64 realtime:i64 monotonic:u64 tai:i64 bracket:u64 offset:option,i64 "
             "maxerror:option,i64 synced:option,bool"),
    0x0020: ("lost", "from:u64 to:u64 cpu:option,u32 count:u64 reason:u32"),
    0x0021: ("recorder_stats", "seen:u64 sent:u64 ring_full:u64 written:u64 user_dropped:u64 map_full:u64 overflow:u64 "
             "queries:u64 cpus:list,tuple,u32,u64,u64 missed:list,tuple,string,u64 stopped_by:string"),
    0x0023: ("child_exit", "pid:u32 status:option,i32 signal:option,i32 boottime:u64")}
COMMON = "_:H call:H phase:B abi:B flags:H time:Q seq:Q cpu:I pid:I tid:I mnt_ns:I "
TASK = COMMON + ("ppid:I uid:I gid:I _:I cgroup:Q comm:16 start?:Q mnt_ns_id?:Q pid_ns?:I _?:I ns_pid?:I ns_tid?:I")
EVENTS = {1: ("enter", TASK), 2: ("exit", COMMON + "ret:q"), 3: ("process", TASK)}
SECTIONS = {
    1: ("number", "value:Q"), 2: ("string", ""), 3: ("bytes", ""), 4: ("mount", "unique_id?:Q key:Q id:I dev:I"),
    5: ("fscontext", "key:Q purpose:I _:I"), 6: ("cwd", "path"), 7: ("root", "path"), 8: ("namespace", "inode:I _:I"),
    9: ("exe", "path"), 10: ("parent", "pid:I _:I comm:16")}
STATES = {0: "whole", 1: "cut", 2: "fault", 3: "null"}


def cut(body, count):
    """The first bytes of a bytearray, which loses them."""
    if count > len(body):
        raise ValueError("bytes are missing")
    taken, body[:count] = bytes(body[:count]), b""
    return taken


def take(body, kind, *more):
    if kind in SIZES:
        return int.from_bytes(cut(body, SIZES[kind]), "little", signed=kind == "q")
    if kind.isdigit():
        return cut(body, int(kind)).hex()
    if kind == "string":
        return cut(body, take(body, "u64")).decode()
    if kind == "list":
        return [take(body, *more) for _ in range(take(body, "u64"))]
    if kind == "tuple":
        return [take(body, each) for each in more]
    first = take(body, "B")
    if kind in ("option", "bool"):
        if first > 1:
            raise ValueError("neither 0 nor 1")
        return bool(first) if kind == "bool" else take(body, *more) if first else None
    value = take(body, {251: "H", 252: "I", 253: "Q"}[first]) if 250 < first < 254 else first
    if first > 253 or value >> int(kind[1:]):
        raise ValueError("no such number")
    return value if kind[0] == "u" else value >> 1 ^ -(value & 1)


def fields(layout, body):
    found = {}
    for name, kind in (field.split(":") for field in layout.split()):
        if not name.endswith("?") or SIZES[kind] <= len(body):
            value = take(body, *kind.split(","))
            found.update({name.strip("?"): value} if value or not name.endswith("?") else {})
    found.pop("_", None)
    return found


def header_at(data, at):
    """(name, fields, size) of the valid header that stands here, or what is wrong: "torn tail", "no header", "bytes"."""
    rest, body = data[at:at + 12], data[at + 8:at + 8 + MAX_PAYLOAD]
    for magic, (name, begin, sizes, checked, layout) in HEADERS.items():
        size = int.from_bytes(rest[4:8], "little")
        if not (magic + (rest[4:8] if name == "start" else b"%c\0\0\0" % sizes[0]) + begin).startswith(rest):
            continue
        if len(rest) < 8 or size in sizes and len(body) < size:
            return "torn tail"
        right = size in sizes and crc(body[:checked]) == int.from_bytes(body[checked:checked + 4], "little")
        if right and body.startswith(begin):
            found = fields(layout, bytearray(body[len(begin):]))
            if (found.pop("len", size), found.pop("trailer", "4d535445")) == (size, "4d535445") and \
               found.get("raw_len", 0) <= MAX_RAW and found.get("stored_len", 0) <= bound(found.get("raw_len", 0)):
                return name, found, 8 + size
        return "no header"
    return "bytes"


def event(body):
    size, (name, layout) = int.from_bytes(body[:2], "little"), EVENTS.get((body + b"\0" * 5)[4], (None, COMMON))
    found, rest = {"item": name, **fields(layout, body[:size]), "sections": []}, body[size:]
    if size > len(body):
        raise ValueError("its header is longer than the event")
    while name and rest:
        found["sections"].append(section(rest))
    return found if name else None


def section(rest):
    kind, arg, state, size = fields("kind:B arg:B state:B _:B len:I", rest).values()
    content, (name, layout), what = cut(rest, size), SECTIONS.get(kind, (kind, "")), STATES.get(state & 127)
    found = {"section": name, "arg": arg, "state": what, "late": state > 127, "bytes": content.hex()}
    if kind == 1 or what == "fault" and kind in (2, 3):
        found.update(fields("value:Q", bytearray(content)))
    elif layout == "path" and what in ("whole", "cut"):
        found["path"] = b"".join(b"/" + name for name in (content + b"\0").replace(b"\0\0", b"\0").split(b"\0")[-2::-1]).hex()
    elif what == "whole" and layout:
        try:
            found.update(fields(layout, bytearray(content)))
        except ValueError:
            pass
    return found


def record(kind, body):
    """A record; None if this document does not know it."""
    if kind == 0x0010:
        return event(body)
    if kind not in RECORDS or take(body, "B") != 1:
        return None
    name, layout = RECORDS[kind]
    found = {"item": name, **fields(layout, body)}
    if body:
        raise ValueError("bytes after the last field")
    return found


class Trace:
    """Section 5: where reading stands. Before any header its tag is None, and after an END it is not open."""
    tag, seq, events, open, damaged, stats = None, 0, 0, True, False, False

    def objection(self, name, found):
        """Why an intact header cannot be what comes next."""
        if name == "start":
            return "no end" if self.open and self.tag else None
        if self.tag is None or found["tag"] == self.tag and not self.open:
            return "no header"
        if found["tag"] != self.tag:
            return "foreign"
        return "gap" if (found.get("seq", self.seq), found["base"]) != (self.seq, self.events) else None

    def search(self, data, at, searched=True):
        """The next header where reading can go on: where it stands, its name and fields, and the events missing before it."""
        last = at + MAX_BEFORE if self.tag is None and self.open else len(data)
        while 0 <= (at := data.find(b"*M\x18", at + 1) - 1) < last:
            if type(here := header_at(data, at)) is tuple and self.resumes(*here[:2], searched):
                return at, here
            at += 1
        return len(data), None

    def resumes(self, name, found, searched):
        if name == "start" or self.tag is None:
            return True
        if not self.open:
            return searched and name == "block" and found["seq"] == 0 and found["tag"] != self.tag
        return found["tag"] == self.tag and found.get("seq", self.seq) >= self.seq

    def resume(self, name, found):
        """Goes on at a header that was searched for; how many events are missing before it."""
        missing = found.get("base", -1) - self.events if self.open else -1
        self.open = name != "start"
        if self.open:
            self.tag, self.seq, self.events = found["tag"], found.get("seq", self.seq), found["base"]
        return missing if missing >= 0 else None

    def damage(self, at, reason, events):
        self.damaged = True
        return {"item": "damage", "offset": at, "reason": reason, "events": events}

    def block(self, at, found, stored):
        self.seq, self.events, self.stats, counts = found["seq"] + 1, found["base"] + found["events"], False, [0, 0]
        try:
            raw = zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False)
            if zstandard.frame_content_size(stored) != found["raw_len"] or stored[:4] != b"\x28\xB5\x2F\xFD":
                raise ValueError("a rule of section 3")
        except (ValueError, zstandard.ZstdError):
            return (yield self.damage(at, "bad frame", found["events"]))
        rest = bytearray(raw)
        while rest:
            missing = max(0, found["events"] - counts[1])
            try:
                kind, flags, size = fields("kind:H flags:H len:I", rest).values()
                body = bytearray(cut(rest, size if size <= MAX_BODY else len(raw)))
            except ValueError:
                return (yield self.damage(at, "long record", missing))
            counts = counts[0] + 1, counts[1] + (kind == 0x10)
            try:
                item = record(kind, body) 
            except ValueError:
                item = self.damage(at, "bad record", 0)
            if item is None and kind != 0x10:
                if flags & 1:
                    return (yield self.damage(at, "critical", missing))
                item = {"item": "unknown", "kind": kind}
            self.stats |= item and item["item"] == "recorder_stats"
            yield from [item] if item else []
        if counts != (found["records"], found["events"]):
            missing = found["events"] - counts[1]
            yield self.damage(at, "counts", missing if missing >= 0 else None)


def items(data):
    at, trace, shown = 0, Trace(), None
    while at < len(data):
        here, start, cost = header_at(data, at), at, None
        name, found, size = here if type(here) is tuple else (None, {}, 1)
        if name == "start" and (found["major"] != 1 or found["incompat"]):
            return (yield {"item": "refused"})
        reason, stored = trace.objection(name, found) if name else here, data[at + size:at + size + found.get("stored_len", 0)]
        if reason and name:
            size, cost = (0, None) if trace.resumes(name, found, False) else (size, 0)
        elif name == "block" and len(stored) < found["stored_len"]:
            reason, cost = "torn tail", found["events"]
        elif name == "block" and crc(stored) != found["stored_crc"]:
            reason, cost = "bad checksum", found["events"]
        if reason:
            at, here = trace.search(data, at + size)
            if not here and reason == "bytes" and trace.tag is None and data[8:16] != b"\x89MST\r\n\x1A\n":
                return (yield {"item": "not a trace"})
            reason = "no header" if reason == "bytes" and (here or data[start:].strip(b"\0")) else reason.replace("bytes", "zero tail")
            missing = trace.resume(*here[:2]) if here else None
            yield trace.damage(start, reason, cost if missing is None else missing)
            continue
        at += size + len(stored)
        if name == "end":
            trace.open = False
            if not trace.stats and not trace.damaged:
                yield trace.damage(start, "no statistics", 0)
            yield {"item": "end", "offset": start, **found}
            continue
        if name == "start":
            trace = Trace()
            trace.tag = found["file_uuid"][:16]
        if name == "start" or shown != trace.tag:
            yield {"item": "start", **(found if name == "start" else {})}
            trace.damaged, shown = name != "start", trace.tag
        if name == "block":
            yield from trace.block(start, found, stored)
    yield {"item": "closed" if shown and not trace.open else "cut"}


for path in sys.stdin:
    with open(path.rstrip("\n"), "rb") as file:
        for item in items(file.read()):
            print(json.dumps(item))
    print(flush=True)
