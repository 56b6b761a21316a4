#!/usr/bin/python3
"""A second reader of .mst traces, written from docs/FORMAT.md alone. Of each file that a line of its standard input names it
prints every item as a line of JSON, then an empty line. tests/second_reader.rs compares that with what our own reader gives."""
import functools, itertools, json, pathlib, re, struct, sys, zstandard as zstd

# A layout is "type name name; type name". B H I Q q are those of struct, a number is so many bytes, the other types are those of
# section 7. A name with ? is absent where the bytes end before it, and where it is 0; what is called _ means nothing.
HEADERS = {  # sections 2 to 4, by the magic of the frame: name, begin of the payload, its size, where its CRC is, layout
    b"Z*M\x18": ("start", b"\x89MST\r\n\x1A\n", range(136, 4097), 132, "8 _; H major minor; I len; Q incompat compat; "
              "16 file_uuid session_uuid; I segment_index max_block_raw; q created_realtime; Q created_boottime; 16 boot_id host_id"),
    b"[*M\x18": ("block", b"MBLK", [96], 92, "4 _; B version type; H flags; 8 tag; Q seq; I raw_len stored_len records events; "
                 "Q ts_min ts_max base lost_total op_mask _; I stored_crc"),
    b"\\*M\x18": ("end", b"MEND", [48], 40, "4 _; I flags; 8 tag; Q index_offset index_len base; I _; 4 trailer")}
RECORDS = {  # section 7
    0x0001: ("metadata", "string tool_version tool_commit; list,string args; string hostname kernel_release kernel_version; "
             "string machine os; u32 page_size cpus; 16 boot_id; option,u64 init_mnt_ns; u32 recorder_pid; string attach_mode; "
             "string attach_reason; list,string attached; list,tuple,string,string missing; list,string filters; "
             "u64 ring_bytes flush_ns; i32 level; string redaction; list,tuple,string,string labels"),
    0x0002: ("clock_sync", "u64 boottime; i64 realtime; u64 monotonic; i64 tai; u64 bracket; option,i64 offset maxerror; "
             "option,bool synced"),
    0x0012: ("source", "u32 number; option,tuple,16,16,u32,i64,u64,16,16,u64 identity"),
    0x0020: ("lost", "u64 from to; option,u32 cpu; u64 count; u32 reason"),
    0x0021: ("recorder_stats", "u64 seen sent ring_full written user_dropped map_full overflow queries; "
             "list,tuple,u32,u64,u64 cpus; list,tuple,string,u64 missed; string stopped_by"),
    0x0022: ("marker", "u64 boottime; u32 kind; string text"),
    0x0023: ("child_exit", "u32 pid; option,i32 status signal; u64 boottime"),
    0x0030: ("index", "B level; tuple,u64,u64,u64,u64 first; list,tuple,u64,u64,u64,u64,u64,u64,i64,u64,u64,u32 rows")}
TASK = "I ppid uid gid _; Q cgroup; comm comm; Q start? mnt_ns_id?; I pid_ns? _? ns_pid? ns_tid?"  # section 8
EVENTS = {1: ("enter", TASK), 2: ("exit", "q ret"), 3: ("process", TASK)}
SECTIONS = {1: ("number", 0, ""), 2: ("string", 0, ""), 3: ("bytes", 0, ""), 4: ("mount", 24, "Q unique_id? key; I id dev"),
            5: ("fscontext", 16, "Q key; I purpose"), 6: ("cwd", 0, ""), 7: ("root", 0, ""), 8: ("namespace", 8, "I inode"),
            9: ("exe", 0, ""), 10: ("parent", 24, "I pid _; comm comm"), 11: ("cgroup_path", 0, "")}
STATES = {0: "whole", 1: "cut", 2: "fault", 3: "null"}
TABLE = functools.reduce(lambda table, _: [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in table], range(8), range(256))
WRONG = (ValueError, LookupError, zstd.ZstdError)

def crc(data):
    return functools.reduce(lambda sum, byte: sum >> 8 ^ TABLE[(sum ^ byte) & 255], data, 0xFFFFFFFF) ^ 0xFFFFFFFF

def take(body, kind, *of):
    """One value from the front of a bytearray; one of WRONG where it is not as it must be."""
    match kind:
        case "bool": return [False, True][take(body, "B")]
        case "option": return take(body, *of) if take(body, "bool") else None
        case "string": return take(body, take(body, "u64")).decode()
        case "list": return [take(body, *of) for _ in range(take(body, "u64"))]
        case "tuple": return [take(body, each) for each in of]
        case "comm": return take(body, 16).split(b"\0")[0].hex()
        case "B" | "H" | "I" | "Q" | "q": return struct.unpack("<" + kind, take(body, struct.calcsize(kind)))[0]
        case int():
            if kind > len(body): raise ValueError("bytes are missing")
            taken, body[:kind] = bytes(body[:kind]), b""
            return taken
    if kind.isdigit(): return take(body, int(kind)).hex()
    first = take(body, "B")
    value = first if first < 251 else take(body, "HIQ"[first - 251])
    if value >> int(kind[1:]): raise ValueError("too large a number")
    return value if kind[0] == "u" else value >> 1 ^ -(value & 1)

def fields(layout, body):
    kinds = [(kind, name) for kind, *names in map(str.split, layout.split("; ")) for name in names]
    found = {name: take(body, *kind.split(",")) for kind, name in kinds if name[-1] != "?" or struct.calcsize(kind) <= len(body)}
    return {name.strip("?"): value for name, value in found.items() if name[0] != "_" and (value or name[-1] != "?")}

def header_at(data, at):
    """The name, the fields and the size of the valid header that stands here; else why there is none, no fields, and 1."""
    rest, body, size = data[at:at + 12], data[at + 8:at + 4104], int.from_bytes(data[at + 4:at + 8], "little")
    for magic, (name, begin, sizes, checked, layout) in HEADERS.items():
        if not (magic + (rest[4:8] if name == "start" else bytes([*sizes, 0, 0, 0])) + begin).startswith(rest): continue
        if len(rest) < 8 or size in sizes and len(body) < size: return "torn tail", {}, 1
        right = size in sizes and crc(body[:checked]) == int.from_bytes(body[checked:checked + 4], "little")
        found = fields(layout, bytearray(body)) if right and body.startswith(begin) else {"version": 0}
        expected, raw = {"len": size, "version": 1, "trailer": b"MSTE".hex()}, found.get("raw_len", 0)
        right = all(found.pop(key, value) == value for key, value in expected.items()) and raw <= 8 << 20
        right &= found.get("stored_len", 0) <= raw + raw // 256 + max(0, 131072 - raw) // 2048
        return (name, found, 8 + size) if right else ("no header", {}, 1)
    return "bytes", {}, 1

def event(body):
    """Section 8; None: of a phase that this document does not know."""
    header = bytearray(take(body, int.from_bytes(body[:2], "little") if len(body) <= 65536 else len(body) + 1))
    found = fields("H _ call; B phase abi; H flags; Q time seq; I cpu pid tid mnt_ns", header)
    if found["phase"] not in EVENTS: return None
    found["item"], layout = EVENTS[found["phase"]]
    found.update(fields(layout, header), sections=[], objects=[], parents=[])
    while body:
        number, arg, state, size = fields("B kind arg state _; I len", body).values()
        content, (kind, least, layout), what = take(body, size), SECTIONS.get(number, (None, 0, "")), STATES.get(state & 127)
        one = {"kind": number, "arg": arg, "state": what, "late": state > 127, "bytes": content.hex()}
        if kind == "number" or what == "fault" and kind in ("string", "bytes"):
            one.update(fields("Q value", bytearray(content)))
        elif kind in ("cwd", "root", "exe", "cgroup_path") and what in ("whole", "cut"):
            found.setdefault(kind, b"".join(b"/" + name for name in content.removesuffix(b"\0").split(b"\0")[::-1]).hex())
        elif layout and what == "whole" and size >= least:
            known = {"kind": kind, "arg": arg, **fields(layout, bytearray(content))}
            found["parents" if kind == "parent" else "objects"].append(known)
        found["sections"].append(one)
    return found

def cold(kind, body, fresh, sources):
    """Section 7: a record of user space, with what its block has said before of the same source."""
    found = {"item": RECORDS[kind][0], **fields("B _; " + RECORDS[kind][1], body)}
    if body or kind == 0x12 and found["number"] >= 1024: raise ValueError("a rule of section 7")
    if kind == 0x02: found["fresh"] = fresh
    if kind == 0x12: found["identity"] = sources[found["number"]] = found["identity"] or sources.get(found["number"])
    rows = found.get("rows", [])
    for row, time in zip(rows, itertools.accumulate(row[6] for row in rows)):
        row[6:8] = (time % 2 ** 64, (time + row[7]) % 2 ** 64) if row[4] else (0, row[7])
    return found

def difference(data, low=()):
    """Section 6.1: a LEB128, above a low byte where there is one, and then zigzag."""
    number, bytes_ = 0, [take(data, "B")]
    while bytes_[-1] > 127: bytes_.append(take(data, "B"))
    for byte in reversed(bytes_): number = number << 7 | byte & 127
    for byte in low: number = number << 8 | byte
    if number >> 64 or len(bytes_) > 10: raise ValueError("too large a number")
    return number >> 1 ^ -(number & 1)

def undone(content):
    """Section 6.1: the records that differences stand for."""
    changes, low = (bytearray(take(content, size)) for size in [take(content, "I"), take(content, "I")])
    raw, before, seqs, time = bytearray(), {}, {}, 0
    while changes:
        number = take(changes, "B")
        if number == 0:
            raw += take(changes, 8 + int.from_bytes(changes[4:8], "little"))
            continue
        size = (len(before.get(number, b"")) + difference(changes)) % 2 ** 64
        if not 40 <= size <= 8 << 20: raise ValueError("no such length")
        body = bytearray(before.get(number, b"")[:size].ljust(size, b"\0"))
        bits = int.from_bytes(take(changes, (size + 31) // 32), "little")
        if bits & 60 or bits >> (size + 3) // 4: raise ValueError("no such words")
        for at in (at for at in range(0, size, 4) if bits >> at // 4 & 1): body[at:at + 4] = take(changes, min(4, size - at))
        seqs[body[24]] = (seqs.get(body[24], 0) + 1 + difference(changes)) % 2 ** 64
        time = (time + difference(content, take(low, 1))) % 2 ** 64
        body[8:24] = struct.pack("<QQ", time, seqs[body[24]])
        before[number] = body
        raw += struct.pack("<HHI", 0x10, 0, size) + body
    if low or content: raise ValueError("something is left")
    return raw

def records(block, stored):
    """Sections 3 and 6: the items of a block; text instead of one is what is wrong."""
    counts, sources, reason = [0, 0], {}, "bad frame"
    try:
        raw = bytearray(zstd.ZstdDecompressor().decompress(stored, allow_extra_data=False))
        magic, size = stored[:4], zstd.frame_content_size(stored)
        delta = block["flags"] & 128 and size < block["raw_len"]
        if magic != b"\x28\xB5\x2F\xFD" or size != len(raw): return (yield reason)
        if delta: raw = undone(raw)
        if len(raw) != block["raw_len"] or block["flags"] & 128 and not delta: return (yield reason)
        while raw:
            reason = "long record"
            kind, flags, size = fields("H kind flags; I len", raw).values()
            body = bytearray(take(raw, size if size <= 1 << 20 else len(raw) + 1))
            counts, ours = [counts[0] + 1, counts[1] + (kind == 0x10)], kind in RECORDS and body[:1] in (b"", b"\1")
            if kind != 0x10 and not ours and flags & 1: return (yield "critical")
            try:
                item = event(body) if kind == 0x10 else {"item": "unknown", "kind": kind}
                item = cold(kind, body, block["flags"] & 32 != 0 and counts[0] == 1, sources) if ours else item
            except WRONG:
                item = "bad record"
            yield from [item] if item else []
            if item == "bad record" and ours and flags & 1: return
    except WRONG:
        return (yield reason)
    if counts != [block["records"], block["events"]]: yield "counts"

class Trace:
    """Section 5: where reading stands. Before any header there is no tag; after an END it is not open."""
    tag, seq, events, open, damaged, stats = None, 0, 0, True, False, False
    def judge(self, name, found):
        """Why a header is not what should come next, and whether reading can go on at one that was searched for."""
        if not found: return name, False
        if name == "start" or self.tag is None:
            return ("no end" if self.open and self.tag else None) if name == "start" else "no header", True
        other, seq = found["tag"] != self.tag, found.get("seq", self.seq)
        if other or not self.open:
            return "foreign" if other else "no header", other and not self.open and found.get("seq") == 0
        return None if (seq, found["base"]) == (self.seq, self.events) else "gap", seq >= self.seq

    def search(self, data, at):
        """Where the next header stands at which reading can go on; it is what comes next then."""
        for at in (match.start() for match in re.compile(rb"[Z[\\]\*M\x18").finditer(data, at)):
            name, found, _ = header_at(data, at)
            if self.judge(name, found)[1]:
                self.open = name != "start"
                if self.open: self.tag, self.seq, self.events = found["tag"], found.get("seq", self.seq), found["base"]
                return at
        return len(data)

    def note(self, at, item):
        """The item, having remembered what an END is judged by; text is damage at this place."""
        item = {"item": "damage", "offset": at, "reason": item} if isinstance(item, str) else item
        self.damaged, self.stats = self.damaged or item["item"] == "damage", self.stats or item["item"] == "recorder_stats"
        return item

def items(data):
    at, trace, shown, state = 0, Trace(), None, "cut" if data else "no trace"
    while at < len(data):
        start, (name, found, size) = at, header_at(data, at)
        if name == "start" and (found["major"] != 1 or found["incompat"] & ~4): return (yield {"item": "refused"})
        wrong, goes_on = trace.judge(name, found)
        stored = data[at + size:][:found.get("stored_len", 0)]
        if not wrong and name == "block":
            wrong = "bad checksum" if crc(stored) != found["stored_crc"] else None
            if len(stored) < found["stored_len"]: wrong = "torn tail"
        elif wrong and goes_on and (trace.open or name == "start"): size = 0
        if wrong:
            at = trace.search(data, at + size)
            if wrong == "bytes" and at == len(data) and trace.tag is None and data[8:16] != b"\x89MST\r\n\x1A\n":
                return (yield {"item": "no trace"})
            if wrong == "bytes": wrong = "zero tail" if at == len(data) and not data[start:].strip(b"\0") else "no header"
            yield trace.note(start, wrong)
            continue
        at += size + len(stored)
        if name == "end":
            trace.open, state = False, "closed"
            yield from [] if trace.stats or trace.damaged else [trace.note(start, "no statistics")]
            yield {"item": "end", **found}
            continue
        if name == "start":
            trace = Trace()
            trace.tag = found["file_uuid"][:16]
        if name == "start" or shown != trace.tag:
            yield {"item": "start", **(found if name == "start" else {})}
            trace.damaged, state, shown = name != "start", "cut", trace.tag
        if name == "block":
            trace.stats, trace.seq, trace.events = False, found["seq"] + 1, found["base"] + found["events"]
            yield from (trace.note(start, item) for item in records(found, stored))
    yield {"item": state}

for path in sys.stdin.read().splitlines():
    print("".join(json.dumps(item) + "\n" for item in items(pathlib.Path(path).read_bytes())), flush=True)
