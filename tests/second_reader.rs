//! `tests/reader.py` was written from docs/FORMAT.md alone. What it makes of a file must be what our own reader makes of it:
//! every item, and every damaged place with its reason. Where they differ, one of them or the document is wrong.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mountsnoop::decode::{Body, Capture, Event, Names, Object, Task};
use mountsnoop::format::{Damage, DamageReason, ErrorKind, FileHeader, Item, Reader, Row, State};
use mountsnoop::layout;
use serde_json::{Map, Value, json};

use super::corpus::{self, targets};
use super::{fixtures, tools};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What our reader makes of a file, in the words of tests/reader.py.
fn ours(bytes: &[u8]) -> Vec<Value> {
    let mut reader = Reader::from_reader(Box::new(Cursor::new(bytes.to_vec()))).expect("memory");
    let mut items = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(item)) => items.extend(value(&item)),
            Ok(None) => break,
            Err(error) => {
                let refused = matches!(error.kind(), ErrorKind::NeedsNewer { .. });
                items.push(json!({ "item": if refused { "refused" } else { "no trace" } }));
                return items;
            }
        }
    }
    items.push(json!({ "item": if reader.state() == State::Closed { "closed" } else { "cut" } }));
    items
}

fn value(item: &Item<'_>) -> Option<Value> {
    Some(match item {
        Item::Start { header, .. } => start(*header),
        Item::Metadata(m) => json!({
            "item": "metadata", "tool_version": m.tool_version, "tool_commit": m.tool_commit, "args": m.args,
            "hostname": m.hostname, "kernel_release": m.kernel_release, "kernel_version": m.kernel_version,
            "machine": m.machine, "os": m.os, "page_size": m.page_size, "cpus": m.cpus, "boot_id": hex(&m.boot_id),
            "init_mnt_ns": m.init_mnt_ns, "recorder_pid": m.recorder_pid, "attach_mode": m.attach_mode,
            "attach_reason": m.attach_reason, "attached": m.attached, "missing": m.missing, "filters": m.filters,
            "ring_bytes": m.ring_bytes, "flush_ns": m.flush_ns, "level": m.level, "redaction": m.redaction,
            "labels": m.labels,
        }),
        Item::Clock(c) | Item::Fresh(c) => json!({
            "item": "clock_sync", "fresh": matches!(item, Item::Fresh(_)), "boottime": c.boottime_ns, "realtime": c.realtime_ns, "monotonic": c.monotonic_ns,
            "tai": c.tai_ns, "bracket": c.bracket_ns, "offset": c.offset_ns, "maxerror": c.maxerror_ns,
            "synced": c.synced,
        }),
        Item::Event(raw) => match Event::decode(raw.bytes) {
            Ok(event) => return event_value(&event),
            Err(_) => json!({ "item": "damage", "offset": raw.block_offset, "reason": "bad record" }),
        },
        Item::Lost(l) => json!({
            "item": "lost", "from": l.from_ns, "to": l.to_ns, "cpu": l.cpu, "count": l.count, "reason": l.reason.0,
        }),
        Item::Stats(s) => json!({
            "item": "recorder_stats", "seen": s.seen, "sent": s.sent, "ring_full": s.ring_full, "written": s.written,
            "user_dropped": s.user_dropped, "map_full": s.map_full, "overflow": s.overflow, "queries": s.queries,
            "cpus": s.cpus.iter().map(|cpu| (cpu.cpu, cpu.seen, cpu.ring_full)).collect::<Vec<_>>(),
            "missed": s.missed, "stopped_by": s.stopped_by,
        }),
        Item::ChildExit(c) => json!({
            "item": "child_exit", "pid": c.pid, "status": c.status, "signal": c.signal, "boottime": c.boottime_ns,
        }),
        Item::Index(index) => json!({
            "item": "index", "level": index.level,
            "first": [index.first.offset, index.first.block, index.first.events, index.first.lost],
            "rows": index.rows.iter().map(row).collect::<Vec<_>>(),
        }),
        Item::Marker(m) => {
            json!({ "item": "marker", "boottime": m.boottime_ns, "kind": m.kind.0, "text": m.text })
        }
        Item::Source(s) => json!({
            "item": "source", "number": s.number,
            "identity": s.identity.map(|i| json!([
                hex(&i.file_uuid), hex(&i.session_uuid), i.segment_index, i.created_realtime_ns, i.created_boottime_ns,
                hex(&i.boot_id), hex(&i.host_id), i.compat,
            ])),
        }),
        Item::Unknown(record) => json!({ "item": "unknown", "kind": record.kind }),
        Item::Damage(damage) => {
            json!({ "item": "damage", "offset": damage.offset, "reason": reason(damage) })
        }
        Item::End { end, .. } => json!({
            "item": "end", "flags": end.flags, "tag": hex(&end.file_tag.to_le_bytes()),
            "index_offset": end.index_offset, "index_len": end.index_len, "base": end.total_events,
        }),
        other => json!({ "item": format!("what reader.py does not know: {other:?}") }),
    })
}

fn row(r: &Row) -> Value {
    json!([
        r.blocks,
        r.bytes,
        r.index_bytes,
        r.raw_bytes,
        r.events,
        r.lost,
        r.ts_min,
        r.ts_max,
        r.ops,
        r.flags
    ])
}

fn start(header: Option<&FileHeader>) -> Value {
    let Some(h) = header else { return json!({ "item": "start" }) };
    json!({
        "item": "start", "major": h.format_major, "minor": h.format_minor, "incompat": h.incompat, "compat": h.compat,
        "file_uuid": hex(&h.file_uuid), "session_uuid": hex(&h.session_uuid), "segment_index": h.segment_index,
        "max_block_raw": h.max_block_raw, "created_realtime": h.created_realtime_ns,
        "created_boottime": h.created_boottime_ns, "boot_id": hex(&h.boot_id), "host_id": hex(&h.host_id),
    })
}

/// What is wrong, in the words of FORMAT.md, section 5.
pub fn reason(damage: &Damage) -> &'static str {
    match damage.reason {
        DamageReason::TornTail => "torn tail",
        DamageReason::ZeroTail => "zero tail",
        DamageReason::BadChecksum { .. } => "bad checksum",
        // One to a reader, who either goes on behind it or does not.
        DamageReason::BadHeader | DamageReason::TrailingGarbage => "no header",
        DamageReason::BadFrame(_) => "bad frame",
        DamageReason::Gap { .. } => "gap",
        DamageReason::ForeignBlock => "foreign",
        DamageReason::Unsupported { .. } => "critical",
        DamageReason::BadRecord(mountsnoop::format::RecordError::Fields { .. }) => "bad record",
        DamageReason::BadRecord(_) => "long record",
        DamageReason::BadCount { .. } => "counts",
        DamageReason::NoEnd => "no end",
        DamageReason::NoStats => "no statistics",
        _ => "what reader.py does not know",
    }
}

fn event_value(event: &Event<'_>) -> Option<Value> {
    let c = &event.common;
    let mut found = json!({
        "call": c.call, "phase": c.phase, "abi": c.abi, "flags": c.flags, "time": c.time, "seq": c.seq, "cpu": c.cpu,
        "pid": c.pid, "tid": c.tid, "mnt_ns": c.mnt_ns,
    });
    let fields = found.as_object_mut()?;
    let name = match event.body {
        Body::Enter(task) => task_fields(fields, &task, "enter"),
        Body::Process(task) => task_fields(fields, &task, "process"),
        Body::Exit { ret } => {
            fields.insert("ret".into(), ret.into());
            "exit"
        }
        Body::Unknown => return None,
    };
    fields.insert("item".into(), name.into());
    sections(fields, event);
    Some(found)
}

fn task_fields(fields: &mut Map<String, Value>, task: &Task<'_>, name: &'static str) -> &'static str {
    let always = json!({
        "ppid": task.ppid(), "uid": task.uid(), "gid": task.gid(), "cgroup": task.cgroup(), "comm": hex(task.comm()),
    });
    fields.extend(always.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    let known = [
        ("start", task.start()),
        ("mnt_ns_id", task.mnt_ns_id()),
        ("pid_ns", task.pid_ns().map(u64::from)),
        ("ns_pid", task.ns_pid().map(u64::from)),
        ("ns_tid", task.ns_tid().map(u64::from)),
    ];
    fields.extend(known.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?.into()))));
    name
}

fn sections(fields: &mut Map<String, Value>, event: &Event<'_>) {
    let states = ["whole", "cut", "fault", "null"];
    let list = event.sections.map(|section| {
        let late = section.state & layout::STATE_LATE != 0;
        let state = states.get(usize::from(section.state & !layout::STATE_LATE));
        let mut one = json!({
            "kind": section.kind, "arg": section.arg, "state": state, "late": late, "bytes": hex(section.bytes),
        });
        let address = section.captured().and_then(|text| match text.capture {
            Capture::Fault { address } => Some(address),
            _ => None,
        });
        if let (Some(value), Some(one)) = (section.number().or(address), one.as_object_mut()) {
            one.insert("value".into(), value.into());
        }
        one
    });
    fields.insert("sections".into(), list.collect());
    for (key, names) in [
        ("cwd", event.sections.cwd()),
        ("root", event.sections.root()),
        ("exe", event.sections.exe()),
        ("cgroup_path", event.sections.cgroup()),
    ] {
        fields.extend(names.map(|names| (key.to_string(), path(&names))));
    }
    let objects = event.sections.identities().map(|known| {
        let arg = known.arg.unwrap_or(layout::ARG_RESULT);
        match known.what {
            Object::Mount { unique_id, key, id, major, minor } => {
                let dev = major << 20 | minor;
                json!({ "kind": "mount", "arg": arg, "unique_id": unique_id, "key": key, "id": id, "dev": dev })
            }
            Object::Fscontext { key, purpose } => {
                json!({ "kind": "fscontext", "arg": arg, "key": key, "purpose": purpose })
            }
            Object::Namespace { inode } => json!({ "kind": "namespace", "arg": arg, "inode": inode }),
        }
    });
    fields.insert("objects".into(), objects.collect());
    let parents = event.sections.parents().map(|parent| {
        json!({ "kind": "parent", "arg": parent.generation, "pid": parent.pid, "comm": hex(parent.comm) })
    });
    fields.insert("parents".into(), parents.collect());
}

/// The path, without the dots that stand for names that are missing.
fn path(names: &Names<'_>) -> Value {
    let mut out = Vec::new();
    names.write(&mut out);
    let shown = if names.capture == Capture::Cut { out.strip_prefix(b"...").unwrap_or(&out) } else { &out };
    hex(shown).into()
}

/// What reader.py makes of each of these files.
fn theirs(paths: &[PathBuf]) -> Vec<Vec<Value>> {
    // Debian's own Python: its package of zstandard is not seen by any other.
    let mut python = Command::new("/usr/bin/python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("/usr/bin/python3: apt install python3-zstandard, or `make test`");
    let names: String = paths.iter().map(|path| format!("{}\n", path.display())).collect();
    let mut stdin = python.stdin.take().expect("a pipe");
    // It prints while it reads: writing must not wait for that.
    let writer = std::thread::spawn(move || stdin.write_all(names.as_bytes()).expect("it reads its input"));
    let done = python.wait_with_output().expect("it ends");
    writer.join().expect("written");
    assert!(done.status.success(), "reader.py: {}", done.status);
    let text = String::from_utf8(done.stdout).expect("JSON");
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.split_terminator("\n\n").map(|file| file.lines().map(parse).collect()).collect()
}

/// Compares both readings of each of these files, named for whoever has to look.
fn compare(files: &[(String, Vec<u8>)]) {
    let dir = tempfile::tempdir().expect("a directory");
    let paths: Vec<PathBuf> = (0..files.len()).map(|n| dir.path().join(n.to_string())).collect();
    for (path, (_, bytes)) in paths.iter().zip(files) {
        fs::write(path, bytes).expect("written");
    }
    let theirs = theirs(&paths);
    assert_eq!(theirs.len(), files.len(), "as many answers as files");
    let mut wrong = Vec::new();
    for ((name, bytes), theirs) in files.iter().zip(theirs) {
        let ours = ours(bytes);
        if ours != theirs {
            let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            let show = |list: &[Value]| list.get(at).map_or("nothing".to_string(), Value::to_string);
            wrong.push(format!("{name}, item {at}:\n  ours   {}\n  theirs {}", show(&ours), show(&theirs)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        files.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    fixtures::all()
        .iter()
        .map(|path| (path.display().to_string(), fs::read(path).expect("a fixture")))
        .collect()
}

/// Records that no recorder writes.
fn made_by_tools() -> [(String, Vec<u8>); 2] {
    let (one, two) = (tools::sample(1, 12, true), tools::sample(2, 7, false));
    let (merged, _) = tools::merge::merged(&[&one, &two]).expect("merged");
    let (repaired, _) = tools::repair::repaired(&one[..one.len() / 2]).expect("repaired");
    [("a merged trace".into(), merged), ("a repaired trace".into(), repaired)]
}

#[test]
fn both_readers_see_the_same_in_every_fixture_and_in_two_one_behind_the_other() {
    let mut files = fixtures();
    files.extend(made_by_tools());
    assert!(files.len() >= 2, "{files:?}");
    let both = [&files[0].1[..], &files[1].1].concat();
    files.push(("two traces".into(), both));
    compare(&files);
}

#[test]
fn both_readers_see_the_same_damage() {
    let mut files = Vec::new();
    for (name, bytes) in fixtures().into_iter().chain(made_by_tools()) {
        // About thirty of each kind for each fixture.
        let step = bytes.len().div_ceil(30) | 1;
        for at in (0..bytes.len()).step_by(step) {
            files.push((format!("{name} cut at {at}"), bytes[..at].to_vec()));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            files.push((format!("{name} flipped at {at}"), flipped));
            let mut holed = bytes.clone();
            holed.drain(at..(at + step * 3).min(bytes.len()));
            files.push((format!("{name} without {} bytes at {at}", step * 3), holed));
        }
    }
    compare(&files);
}

/// Bytes that fuzzing found worth keeping, with checksums made right so that both readers look at them.
#[test]
fn both_readers_see_the_same_in_what_was_made_to_mislead() {
    let split = |(path, bytes): &(PathBuf, Vec<u8>)| {
        let (how, rest) = bytes.split_first()?;
        Some((path.display().to_string(), *how, rest.to_vec()))
    };
    let scan = corpus::inputs("scan");
    let blocks = corpus::inputs("blocks");
    let mut files: Vec<_> = scan
        .iter()
        .filter_map(split)
        .map(|(name, how, bytes)| (name, targets::mended(&bytes, how)))
        .collect();
    files.extend(
        blocks.iter().filter_map(split).map(|(name, how, bytes)| (name, targets::trace(&bytes, how))),
    );
    compare(&files);
}
