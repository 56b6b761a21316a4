#!/usr/bin/python3
"""A second reader of .mst traces, written from docs/FORMAT.md alone. Of each file that a line of its standard input names it
prints every item as a line of JSON, then an empty line. tests/second_reader.rs compares that with what our own reader gives."""
import functools
import json
import sys

import zstandard

# Fields are "name:type". B H I Q q have a fixed size, a number is so many bytes, the other types are those of section 7. A name
# with ? is absent where the bytes end before it, and where it is 0; what is called _ means nothing.
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8, "q": 8}
HEADERS = {  # sections 2 to 4, by the magic of the frame: name, begin of the payload, its size, where its CRC is, fields
    b"Z*M\x18": ("start", b"\x89MST\r\n\x1A\n", range(136, 4097), 132,
                 "_:8 major:H minor:H len:I incompat:Q compat:Q file_uuid:16 session_uuid:16 segment_index:I "
                 "max_block_raw:I created_realtime:q created_boottime:Q boot_id:16 host_id:16"),
    b"[*M\x18": ("block", b"MBLK", [96], 92,
                 "_:4 version:B type:B flags:H tag:8 seq:Q raw_len:I stored_len:I records:I events:I ts_min:Q ts_max:Q "
                 "base:Q lost_total:Q op_mask:Q _:Q stored_crc:I"),
    b"\\*M\x18": ("end", b"MEND", [48], 40, "_:4 flags:I tag:8 index_offset:Q index_len:Q base:Q _:I trailer:4")}
RECORDS = {  # section 7
    0x0001: ("metadata", "tool_version:string tool_commit:string args:list,string hostname:string kernel_release:string "
             "kernel_version:string machine:string os:string page_size:u32 cpus:u32 boot_id:16 init_mnt_ns:option,u64 "
             "recorder_pid:u32 attach_mode:string attach_reason:string attached:list,string missing:list,tuple,string,string "
             "filters:list,string ring_bytes:u64 flush_ns:u64 level:i32 redaction:string labels:list,tuple,string,string"),
    0x0002: ("clock_sync", "boottime:u64 realtime:i64 monotonic:u64 tai:i64 bracket:u64 offset:option,i64 "
             "maxerror:option,i64 synced:option,bool"),
    0x0020: ("lost", "from:u64 to:u64 cpu:option,u32 count:u64 reason:u32"),
    0x0021: ("recorder_stats", "seen:u64 sent:u64 ring_full:u64 written:u64 user_dropped:u64 map_full:u64 overflow:u64 "
             "queries:u64 cpus:list,tuple,u32,u64,u64 missed:list,tuple,string,u64 stopped_by:string"),
    0x0022: ("marker", "boottime:u64 kind:u32 text:string"),
    0x0023: ("child_exit", "pid:u32 status:option,i32 signal:option,i32 boottime:u64"),
    0x0030: ("index", "level:B first:tuple,u64,u64,u64,u64 rows:list,tuple,u64,u64,u64,u64,u64,u64,i64,u64,u64,u32")}
COMMON = "_:H call:H phase:B abi:B flags:H time:Q seq:Q cpu:I pid:I tid:I mnt_ns:I "  # section 8
TASK = "ppid:I uid:I gid:I _:I cgroup:Q comm:comm start?:Q mnt_ns_id?:Q pid_ns?:I _?:I ns_pid?:I ns_tid?:I"
EVENTS = {1: ("enter", TASK), 2: ("exit", "ret:q"), 3: ("process", TASK)}
SECTIONS = {1: ("number", 0, ""), 2: ("string", 0, ""), 3: ("bytes", 0, ""), 4: ("mount", 24, "unique_id?:Q key:Q id:I dev:I"),
            5: ("fscontext", 16, "key:Q purpose:I"), 6: ("cwd", 0, ""), 7: ("root", 0, ""), 8: ("namespace", 8, "inode:I"),
            9: ("exe", 0, ""), 10: ("parent", 24, "pid:I _:I comm:comm"), 11: ("cgroup_path", 0, "")}
STATES = {0: "whole", 1: "cut", 2: "fault", 3: "null"}
TABLE = functools.reduce(lambda table, _: [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in table], range(8), range(256))
WRONG = (ValueError, LookupError, zstandard.ZstdError)


def crc(data):
    return functools.reduce(lambda sum, byte: sum >> 8 ^ TABLE[(sum ^ byte) & 255], data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def take(body, kind, *of):
    """One value from the front of a bytearray; one of WRONG where it is not as it must be."""
    if isinstance(kind, int):
        if kind > len(body):
            raise ValueError("bytes are missing")
        taken, body[:kind] = bytes(body[:kind]), b""
        return taken
    if kind in SIZES:
        return int.from_bytes(take(body, SIZES[kind]), "little", signed=kind == "q")
    if kind in TYPES:
        return TYPES[kind](body, *of)
    if kind.isdigit():
        return take(body, int(kind)).hex()
    first = take(body, "B")
    value = first if first < 251 else take(body, "HIQ"[first - 251])
    if value >> int(kind[1:]):
        raise ValueError("too large a number")
    return value if kind[0] == "u" else value >> 1 ^ -(value & 1)


TYPES = {
    "bool": lambda body: [False, True][take(body, "B")],
    "option": lambda body, *of: take(body, *of) if take(body, "bool") else None,
    "string": lambda body: take(body, take(body, "u64")).decode(),
    "list": lambda body, *of: [take(body, *of) for _ in range(take(body, "u64"))],
    "tuple": lambda body, *of: [take(body, each) for each in of],
    "comm": lambda body: take(body, 16).split(b"\0")[0].hex()}


def fields(layout, body):
    found = {}
    for name, kind in (field.split(":") for field in layout.split()):
        if not name.endswith("?") or SIZES[kind] <= len(body):
            value = take(body, *kind.split(","))
            found.update({name.strip("?"): value} if value or not name.endswith("?") else {})
    found.pop("_", None)
    return found


def header_at(data, at):
    """The name, the fields and the size of the valid header that stands here; else why there is none, no fields, and 1."""
    rest, body, size = data[at:at + 12], data[at + 8:at + 4104], int.from_bytes(data[at + 4:at + 8], "little")
    for magic, (name, begin, sizes, checked, layout) in HEADERS.items():
        if not (magic + (rest[4:8] if name == "start" else bytes([*sizes, 0, 0, 0])) + begin).startswith(rest):
            continue
        if len(rest) < 8 or size in sizes and len(body) < size:
            return "torn tail", None, 1
        right = size in sizes and crc(body[:checked]) == int.from_bytes(body[checked:checked + 4], "little")
        found = fields(layout, bytearray(body)) if right and body.startswith(begin) else {"version": 0}
        expected, raw = {"len": size, "version": 1, "trailer": b"MSTE".hex()}, found.get("raw_len", 0)
        right = all(found.pop(key, value) == value for key, value in expected.items()) and raw <= 8 << 20
        right &= found.get("stored_len", 0) <= raw + raw // 256 + max(0, 131072 - raw) // 2048
        return (name, found, 8 + size) if right else ("no header", None, 1)
    return "bytes", None, 1


def index(rows):
    """Section 7: times are stored as differences."""
    time = 0
    for row in rows:
        time = (time + row[6]) % 2 ** 64
        row[6] = time if row[4] else 0
        row[7] = (row[6] + row[7]) % 2 ** 64


def event(body):
    """Section 8; None: of a phase that this document does not know."""
    header = bytearray(take(body, int.from_bytes(body[:2], "little") if len(body) <= 65536 else len(body) + 1))
    found = {**fields(COMMON, header), "sections": [], "objects": [], "parents": []}
    found["item"], layout = EVENTS.get(found["phase"], (None, ""))
    found.update(fields(layout, header))
    while found["item"] and body:
        number, arg, state, size = fields("kind:B arg:B state:B _:B len:I", body).values()
        content, (kind, least, layout), what = take(body, size), SECTIONS.get(number, (None, 0, "")), STATES.get(state & 127)
        one = {"kind": number, "arg": arg, "state": what, "late": state > 127, "bytes": content.hex()}
        if kind == "number" or what == "fault" and kind in ("string", "bytes"):
            one.update(fields("value:Q", bytearray(content)))
        elif kind in ("cwd", "root", "exe", "cgroup_path") and what in ("whole", "cut"):
            names = content.removesuffix(b"\0").split(b"\0")[::-1]
            found.setdefault(kind, b"".join(b"/" + name for name in names).hex())
        elif layout and what == "whole" and size >= least:
            known = found["parents" if kind == "parent" else "objects"]
            known.append({"kind": kind, "arg": arg, **fields(layout, bytearray(content))})
        found["sections"].append(one)
    return found if found["item"] else None


def records(found, stored):
    """Sections 3 and 6: the items of a block; text instead of one is what is wrong."""
    counts, reason = [0, 0], "bad frame"
    try:
        raw = bytearray(zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False))
        if stored[:4] != b"\x28\xB5\x2F\xFD" or not zstandard.frame_content_size(stored) == found["raw_len"] == len(raw):
            raise ValueError("a rule of section 3")
        while raw:
            reason = "long record"
            kind, flags, size = fields("kind:H flags:H len:I", raw).values()
            body = bytearray(take(raw, size if size <= 1 << 20 else len(raw) + 1))
            counts, ours = [counts[0] + 1, counts[1] + (kind == 0x10)], kind in RECORDS and body[:1] in (b"", b"\1")
            if kind != 0x10 and not ours and flags & 1:
                return (yield "critical")
            try:
                item = event(body) if kind == 0x10 else {"item": "unknown", "kind": kind}
                item = {"item": RECORDS[kind][0], **fields("_:B " + RECORDS[kind][1], body)} if ours else item
                index(item.get("rows", []) if item else [])
            except WRONG:
                item = "bad record"
            yield from ["bad record"] if ours and body else [item] if item else []
    except WRONG:
        return (yield reason)
    if counts != [found["records"], found["events"]]:
        yield "counts"


class Trace:
    """Section 5: where reading stands. Before any header there is no tag; after an END it is not open."""
    tag, seq, events, open, damaged, stats = None, 0, 0, True, False, False

    def judge(self, name, found):
        """Why a header is not what should come next, and whether reading can go on at one that was searched for."""
        if name == "start" or self.tag is None:
            return ("no end" if self.open and self.tag else None) if name == "start" else "no header", True
        other, seq = found["tag"] != self.tag, found.get("seq", self.seq)
        if other or not self.open:
            return "foreign" if other else "no header", other and not self.open and found.get("seq") == 0
        return None if (seq, found["base"]) == (self.seq, self.events) else "gap", seq >= self.seq

    def search(self, data, at):
        """Where the next header stands at which reading can go on; it is what comes next then."""
        while (at := data.find(b"*M\x18", at + 1) - 1) >= 0:
            name, found, _ = header_at(data, at)
            if found and self.judge(name, found)[1]:
                self.open = name != "start"
                if self.open:
                    self.tag, self.seq, self.events = found["tag"], found.get("seq", self.seq), found["base"]
                return at
            at += 1
        return len(data)

    def damage(self, at, reason):
        self.damaged = True
        return {"item": "damage", "offset": at, "reason": reason}


def items(data):
    at, trace, shown, state = 0, Trace(), None, "cut" if data else "no trace"
    while at < len(data):
        start, (name, found, size) = at, header_at(data, at)
        if name == "start" and (found["major"] != 1 or found["incompat"]):
            return (yield {"item": "refused"})
        wrong, goes_on = trace.judge(name, found) if found else (name, False)
        stored = data[at + size:][:found.get("stored_len", 0) if found else 0]
        if not wrong and name == "block":
            whole, right = len(stored) == found["stored_len"], crc(stored) == found["stored_crc"]
            wrong = "torn tail" if not whole else None if right else "bad checksum"
        elif wrong and goes_on and (trace.open or name == "start"):
            size = 0
        if wrong:
            at = trace.search(data, at + size)
            if wrong == "bytes" and at == len(data) and trace.tag is None and data[8:16] != b"\x89MST\r\n\x1A\n":
                return (yield {"item": "no trace"})
            if wrong == "bytes":
                wrong = "zero tail" if at == len(data) and not data[start:].strip(b"\0") else "no header"
            yield trace.damage(start, wrong)
            continue
        at += size + len(stored)
        if name == "end":
            trace.open, state = False, "closed"
            yield from [] if trace.stats or trace.damaged else [trace.damage(start, "no statistics")]
            yield {"item": "end", **found}
            continue
        if name == "start":
            trace = Trace()
            trace.tag = found["file_uuid"][:16]
        if name == "start" or shown != trace.tag:
            yield {"item": "start", **(found if name == "start" else {})}
            trace.damaged, state, shown = name != "start", "cut", trace.tag
        trace.stats = False
        if name == "block":
            trace.seq, trace.events = found["seq"] + 1, found["base"] + found["events"]
            for item in records(found, stored):
                trace.stats |= item != str(item) and item["item"] == "recorder_stats"
                yield trace.damage(start, item) if item == str(item) else item
    yield {"item": state}


for path in sys.stdin:
    with open(path.rstrip("\n"), "rb") as file:
        print("".join(json.dumps(item) + "\n" for item in items(file.read())), flush=True)
