#!/usr/bin/python3
"""A second reader of .mst traces, written from docs/FORMAT.md alone. It prints every item of each file whose path it
reads from standard input as one line of JSON, then an empty line. tests/second_reader.rs compares it with ours."""
import json
import sys

import zstandard

MAX_RAW, MAX_BODY, MAX_FILE_HEADER = 8 << 20, 1 << 20, 4096
TABLE = list(range(256))
for _ in range(8):
    TABLE = [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in TABLE]


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


# Types: B H I Q q have a fixed size, a number is as many bytes, the others are those of section 7.
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8, "q": 8}


def cut(body, count):
    """The first bytes of a bytearray, which loses them."""
    if count > len(body):
        raise ValueError("bytes are missing")
    taken = bytes(body[:count])
    del body[:count]
    return taken


def take(body, kind, *more):
    """One value from the front of a bytearray."""
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


def fields(layout, body, all_there=True):
    """The fields "name:type ..." from the front of a bytearray; or else those that it has."""
    found = {}
    for name, kind in (field.split(":") for field in layout.split()):
        try:
            found[name] = take(body, *kind.split(","))
        except ValueError:
            if all_there:
                raise
            break
    return found


# Sections 2 to 4. By the magic of the frame: a name, how the payload begins, its sizes, where its CRC stands, its fields.
HEADERS = {
    b"\x5A\x2A\x4D\x18": (
        "header", bytes.fromhex("894D53540D0A1A0A"), range(136, MAX_FILE_HEADER + 1), 132,
        "magic:8 major:H minor:H payload_len:I incompat_flags:Q compat_flags:Q file_uuid:16 session_uuid:16 "
        "segment_index:I max_block_raw:I created_realtime:q created_boottime:Q boot_id:16 host_id:16"),
    b"\x5B\x2A\x4D\x18": (
        "block", b"MBLK\1", [96], 92,
        "magic:4 version:B type:B flags:H tag:8 seq:Q raw_len:I stored_len:I records:I events:I ts_min:Q ts_max:Q base:Q "
        "lost_total:Q op_mask:Q reserved:Q stored_crc:I"),
    b"\x5C\x2A\x4D\x18": (
        "end", b"MEND", [48], 40, "magic:4 flags:I tag:8 index_offset:Q index_len:Q total_events:Q crc:I trailer:4")}
COLD = {
    0x0001: "item=metadata tool_version:string tool_commit:string args:list,string hostname:string kernel_release:string "
            "kernel_version:string machine:string os:string page_size:u32 cpus:u32 boot_id:16 init_mnt_ns:option,u64 "
            "recorder_pid:u32 attach_mode:string attach_reason:string attached:list,string "
            "missing:list,tuple,string,string filters:list,string ring_bytes:u64 flush_ns:u64 level:i32 "
            "redaction:string labels:list,tuple,string,string",
    0x0002: "item=clock_sync boottime:u64 realtime:i64 monotonic:u64 tai:i64 bracket:u64 offset:option,i64 "
            "maxerror:option,i64 synced:option,bool",
    0x0020: "item=lost from:u64 to:u64 cpu:option,u32 count:u64 reason:u32",
    0x0021: "item=recorder_stats seen:u64 sent:u64 ring_full:u64 written:u64 user_dropped:u64 map_full:u64 overflow:u64 "
            "queries:u64 cpus:list,tuple,u32,u64,u64 missed:list,tuple,string,u64 stopped_by:string",
    0x0023: "item=child_exit pid:u32 status:option,i32 signal:option,i32 boottime:u64"}
TASK = " ppid:I uid:I gid:I zero:I cgroup:Q comm:16 start:Q mnt_ns_id:Q pid_ns:I pid_ns_level:I ns_pid:I ns_tid:I"
PHASES = {1: ("enter", TASK), 2: ("exit", " ret:q"), 3: ("process", TASK)}
SECTIONS = {
    1: ("number", "value:Q"), 2: ("string", ""), 3: ("bytes", ""), 4: ("mount", "unique_id:Q key:Q id:I dev:I"),
    5: ("fscontext", "key:Q purpose:I"), 6: ("cwd", "path"), 7: ("root", "path"), 8: ("namespace", "inode:I zero:I"),
    9: ("exe", "path"), 10: ("parent", "pid:I zero:I comm:16")}
STATES = {0: "whole", 1: "cut", 2: "fault", 3: "null"}


def header_at(data, at):
    """(name, fields, bytes) of the valid header that stands here. None: there is none. Torn: the input ends inside it."""
    rest = data[at:at + 8 + MAX_FILE_HEADER]
    size, body = int.from_bytes(rest[4:8], "little"), rest[8:]
    if len(rest) < 8:
        return "torn" if any(magic.startswith(rest[:4]) for magic in HEADERS) else None
    name, begin, sizes, checked, layout = HEADERS.get(rest[:4], ("", b"", [], 0, ""))
    if size not in sizes or body[:len(begin)] != begin[:len(body)]:
        return None
    if len(body) < size:
        return "torn"
    found = fields(layout, bytearray(body))
    right = found.get("payload_len", size) == size and found.get("trailer", b"MSTE".hex()) == b"MSTE".hex()
    right &= crc(body[:checked]) == int.from_bytes(body[checked:checked + 4], "little")
    return (name, found, 8 + size) if right else None


def event(body):
    """Section 8: an event, or None if it is of a phase that this document does not know."""
    size = int.from_bytes(body[:2], "little")
    head, rest = bytearray(body[:size]), body[size:]
    found = fields("header_len:H call:H phase:B abi:B flags:H time:Q seq:Q cpu:I pid:I tid:I mnt_ns:I", head)
    if size > len(body):
        raise ValueError("shorter than its header")
    name, layout = PHASES.get(found["phase"], (None, ""))
    found = {"item": name, **found, **fields(layout, head, all_there=False), "sections": []}
    for absent in ("start", "mnt_ns_id", "pid_ns", "ns_pid", "ns_tid"):
        if found.get(absent) == 0:
            del found[absent]
    while rest:
        found["sections"].append(section(rest))
    return found if name else None


def section(rest):
    kind, arg, state, _, size = fields("kind:B arg:B state:B zero:B len:I", rest).values()
    content = cut(rest, size)
    name, layout = SECTIONS.get(kind, (kind, ""))
    found = {"section": name, "arg": arg, "state": STATES.get(state & 127), "late": state > 127, "bytes": content.hex()}
    if layout == "path":
        found["path"] = [name.hex() for name in content.split(b"\0")[-2::-1]]
    elif state & 127 == 0:
        found.update(fields(layout, bytearray(content)))
    return found


def record(kind, body):
    """A record; None if it is to be passed over."""
    if kind == 0x0010:
        return event(body)
    if kind not in COLD or take(body, "B") != 1:
        return None
    name, layout = COLD[kind].split(" ", 1)
    found = {"item": name[5:], **fields(layout, body)}
    if body:
        raise ValueError("bytes after the last field")
    return found


class Trace:
    """Section 5: what the blocks of one trace have shown so far, from its FILE HEADER (or first block) to its END."""

    def __init__(self, tag=None):
        self.tag, self.seq, self.events, self.stats, self.open = tag, 0, 0, False, True

    def knows(self, name, found):
        """Whether a header may be believed: it is of this trace and not of its past, or it begins another."""
        if name == "header" or self.open and self.tag is None:
            return True
        if not self.open:
            return name == "block" and found["seq"] == 0 and found["tag"] != self.tag
        return found["tag"] == self.tag and (name == "end" or found["seq"] >= self.seq)

    def search(self, data, at):
        """Where the next such header stands; or the end."""
        while at < len(data) and not (type(here := header_at(data, at)) is tuple and self.knows(*here[:2])):
            at += 1
        return at

    def block(self, at, found, stored):
        """Section 6: the records of a block whose stored bytes are intact, and what is wrong with them."""
        try:
            frame = zstandard.get_frame_parameters(stored)
            if frame.content_size != found["raw_len"] or frame.dict_id or not frame.has_checksum:
                raise ValueError("a rule of section 3")
            raw = bytearray(zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False))
        except (ValueError, zstandard.ZstdError):
            return (yield damage(at, "bad frame"))
        if found["seq"] != self.seq or found["base"] != self.events:
            yield damage(at, "gap", events=max(0, found["base"] - self.events))
        self.seq, self.events, self.stats, count = found["seq"] + 1, found["base"], False, 0
        while raw:
            try:
                kind, flags, size = fields("kind:H flags:H len:I", raw).values()
                body = bytearray(cut(raw, size if size <= MAX_BODY else len(raw) + 1))
            except ValueError:
                return (yield damage(at, "long record"))
            count, self.events = count + 1, self.events + (kind == 0x10)
            try:
                item = record(kind, body)
            except ValueError:
                yield damage(at, "bad record")
                continue
            if item:
                self.stats |= item["item"] == "recorder_stats"
                yield item
            elif flags & 1:
                return (yield damage(at, "newer reader needed"))
        if (count, self.events) != (found["records"], found["base"] + found["events"]):
            yield damage(at, "counts")


def damage(at, reason, **more):
    return {"item": "damage", "offset": at, "reason": reason, **more}


def items(data):
    """Section 5: walks over the headers of a file."""
    at, trace = 0, Trace()
    if trace.search(data, 0) == len(data) and not data[:8] != MAGIC:
        yield {"item": "no trace"}
    while at < len(data):
        start, here = at, header_at(data, at)
        if not data[at:].strip(b"\0"):
            return (yield damage(at, "zero tail"))
        if here == "torn":
            return (yield damage(at, "torn tail"))
        if here is None or not trace.open and not trace.knows(*here[:2]):
            at = trace.search(data, at + 1)
            yield damage(start, "no header", bytes=at - start)
            continue
        name, found, size = here
        at += size
        if name == "header":
            if found["major"] != 1 or found["incompat_flags"]:
                return (yield {"item": "refused"})
            if trace.tag and trace.open:
                yield damage(start, "cut")
            trace = Trace(found["file_uuid"][:16])
        elif trace.tag is None or not trace.open:
            yield damage(start, "no file header")
            trace = Trace(found["tag"])
        if name == "block":
            at += found["stored_len"]
        if name != "header" and found["tag"] != trace.tag:
            yield damage(start, "foreign")
        elif name == "end":
            if found["total_events"] != trace.events:
                yield damage(start, "missing at end", events=max(0, found["total_events"] - trace.events))
            if not trace.stats:
                yield damage(start, "no statistics")
            trace.open = False
            yield {"item": "end", **found}
        elif name == "header":
            yield {"item": "header", "offset": start, **found}
        elif found["seq"] < trace.seq:
            yield damage(start, "twice")
        elif at > len(data):
            return (yield damage(start, "torn tail"))
        elif crc(data[start + size:at]) != found["stored_crc"]:
            at = trace.search(data, start + size)
            yield damage(start, "stored crc", bytes=at - start)
        else:
            yield from trace.block(start, found, data[start + size:at])


for path in sys.stdin:
    with open(path.rstrip("\n"), "rb") as file:
        for item in items(file.read()):
            print(json.dumps(item))
    print(flush=True)
