//! The README is true: its commands run, its sample is what the demo prints, its exit statuses are what one gets.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::{Dir, live};

const README: &str = include_str!("../README.md");

/// The lines of all fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in README.lines() {
        match line.strip_prefix("```") {
            Some(fence) => inside = fence == language,
            None if inside && !line.is_empty() => lines.push(line),
            None => {}
        }
    }
    lines
}

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn its_commands_work_from_the_first_to_the_last() {
    let Some(dir) = live() else { return };
    let program = Path::new(env!("CARGO_BIN_EXE_mountsnoop"));
    let programs = program.parent().expect("a program stands in a directory").display();
    let path = format!("{programs}:{}", std::env::var("PATH").expect("PATH"));
    let ci = source(".ci/run");
    let lines = blocks("sh");
    assert!(lines.len() > 10, "{lines:?}");
    for line in lines {
        let command = line.split(" #").next().unwrap_or_default().trim_end();
        if command.starts_with("make ") {
            // From here it would run these tests again.
            let step = format!("step {command}");
            assert!(ci.lines().any(|line| line == step), ".ci/run has no line `{step}`");
            continue;
        }
        let cmd = dir.sh(&format!("exec {command}")).env("PATH", &path);
        if !line.contains("until Ctrl-C") {
            cmd.run().code(0);
            continue;
        }
        let mut running = cmd.spawn();
        if command.contains(" record ") {
            running.until_recording();
        } else {
            running.until("the heading", |said| said.contains("COMM ").then_some(()));
        }
        running.signal(Signal::INT);
        running.wait().code(0);
    }
}

/// A line without what differs from run to run: words that begin with a digit, and the space between words.
fn form(line: &str) -> String {
    let word =
        |word: &'_ str| if word.starts_with(|c: char| c.is_ascii_digit()) { "N" } else { word }.to_owned();
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn its_sample_is_what_the_demo_prints() {
    let Some(dir) = live() else { return };
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.sh");
    let done = dir.sh("exec \"$demo\" \"$mountsnoop\" 2>&1").env("demo", demo).run().code(0);
    let mut printed = done.text().lines().map(form);
    let mut sample = blocks("console");
    sample.retain(|line| *line != "...");
    assert!(sample.len() > 10, "{sample:?}");
    for line in sample {
        if !printed.any(|printed| printed == form(line)) {
            done.fail(&format!(
                "the sample in the README has a line that the demo does not print there:\n{line}"
            ));
        }
    }
}

/// A trace of a version that is not out yet.
fn from_the_future(dir: &Dir, trace: &str) {
    let mut bytes = fs::read(dir.path(trace)).expect("a trace");
    // docs/FORMAT.md, section 2: format_major, and the checksum of the header, in the payload of the first frame.
    bytes[8 + 8] += 1;
    let crc = crc32c::crc32c(&bytes[8..8 + 132]);
    bytes[8 + 132..8 + 136].copy_from_slice(&crc.to_le_bytes());
    fs::write(dir.path("future.mst"), bytes).expect("written");
}

#[test]
fn its_exit_statuses_are_what_one_gets() {
    let Some(dir) = live() else { return };
    dir.sh("exec $mountsnoop record -o trace.mst -- unshare -m true").run().code(0);
    dir.sh("head -c 1000 trace.mst > cut.mst; touch no-program").run().code(0);
    from_the_future(&dir, "trace.mst");
    let shown: &[(&str, i32, &str)] = &[
        ("0", 0, "replay trace.mst"),
        ("1", 1, "replay absent.mst"),
        ("2", 2, "replay"),
        ("3", 3, "replay cut.mst"),
        ("4", 4, "replay future.mst"),
        ("125", 125, "record -o trace.mst -- true"),
        ("126", 126, "record -o 126.mst -- ./no-program"),
        ("127", 127, "record -o 127.mst -- ./absent"),
        ("else", 7, "record -o 7.mst -- sh -c 'exit 7'"),
        ("else", 143, "record -o 143.mst -- sh -c 'kill -TERM $$'"),
    ];
    for (_, status, line) in shown {
        dir.sh(&format!("exec $mountsnoop {line}")).run().code(*status);
    }
    let table = README.split("## Exit status").nth(1).expect("a section on the exit status");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    let mut listed: Vec<&str> =
        rows.flat_map(|row| row.split(" | ").next().unwrap_or_default().split(", ")).collect();
    let mut known: Vec<&str> = shown.iter().map(|(name, ..)| *name).collect();
    listed.sort();
    known.sort();
    known.dedup();
    assert_eq!(listed, known, "the rows of the README's table, and what is tried here");
}
