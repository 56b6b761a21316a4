//! Bad input, given to every command that reads: it must say so clearly, never crash, and never show what was not recorded.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mountsnoop::format::{End, wire};

use super::fixtures;

/// Every command that reads a trace; FILE stands for its name.
const READERS: &[&[&str]] = &[
    &["replay", "FILE"],
    &["replay", "--json", "FILE"],
    &["replay", "--json", "FILE", "--since", "+0s"],
    &["stats", "FILE"],
    &["export", "FILE", "-F", "ndjson", "-o", "-"],
    &["export", "FILE", "-F", "csv", "-o", "-"],
    &["info", "FILE"],
    &["verify", "FILE"],
];

fn read_with(command: &[&str], file: &Path) -> Output {
    let args = command.iter().map(|arg| if *arg == "FILE" { file.as_os_str() } else { arg.as_ref() });
    Command::new(env!("CARGO_BIN_EXE_mountsnoop"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn describe(what: &str, command: &[&str], done: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{what}: {}\n{:?}\nstdout: {}\nstderr: {}",
        command.join(" "),
        done.status,
        text(&done.stdout),
        text(&done.stderr)
    )
}

/// Exit status as promised, a sentence on stderr, and no trace of a crash.
#[track_caller]
fn complains(what: &str, command: &[&str], done: &Output, codes: &[i32]) {
    let stderr = String::from_utf8_lossy(&done.stderr);
    let fine = done.status.code().is_some_and(|code| codes.contains(&code))
        && stderr.lines().all(|line| line.starts_with("mountsnoop: "))
        && !stderr.is_empty()
        && !stderr.contains("panicked");
    // info says what is wrong where it says everything else, and does not look into the blocks of events.
    let unread = || String::from_utf8_lossy(&done.stdout).contains("(`verify` reads everything)");
    let info = || done.status.code() == Some(3) || (done.status.success() && unread());
    let fine = fine || (command[0] == "info" && stderr.is_empty() && info());
    // So does verify, which looks into everything.
    let fine = fine || (command[0] == "verify" && stderr.is_empty() && done.status.code() == Some(3));
    assert!(fine, "expected one of {codes:?} and a sentence\n{}", describe(what, command, done));
}

#[test]
fn what_is_no_trace_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    };
    let cases = [
        (file("empty", b""), "empty"),
        (file("text", b"COMM PID\nmount 1\n"), "text"),
        (file("zeroes", &[0; 4096]), "zero"),
        (file("gzip", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), "gzip"),
        (dir.path().to_path_buf(), "is a directory"),
        (dir.path().join("absent"), "absent"),
    ];
    for (path, word) in &cases {
        for command in READERS {
            let done = read_with(command, path);
            complains(word, command, &done, &[1]);
            let stderr = String::from_utf8_lossy(&done.stderr);
            assert!(stderr.contains(word), "expected {word:?}\n{}", describe(word, command, &done));
            assert!(done.stdout.is_empty() || command[0] == "export", "{}", describe(word, command, &done));
        }
    }
}

/// The objects of calls that are shown with both their ends: an end that was cut off changes a line, and is no error.
fn finished(ndjson: &[u8]) -> Vec<String> {
    let text = String::from_utf8(ndjson.to_vec()).expect("JSON is UTF-8");
    let whole = |line: &&str| line.contains("\"finished\":true") && !line.contains("\"comm\":null");
    // The host stands in a block of its own: calls are still right without it.
    let known = |line: &str| line.replace("\"host\":null", "\"host\":\"seed\"");
    text.lines().filter(whole).map(known).collect()
}

/// Runs every reader on the variants of a trace of the seed's calls, in as many threads as there are processors.
fn for_each_variant(
    original: &[u8],
    places: Range<usize>,
    variant: impl Fn(usize) -> Vec<u8> + Sync,
    what: &str,
    codes: &[i32],
) {
    let whole = finished(&fixtures::mountsnoop(&["replay", "--json", "seed.mst"]).stdout);
    assert_eq!(whole.len(), 5, "{whole:?}");
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (variant, whole, places) = (&variant, &whole, places.clone());
            scope.spawn(move || {
                let dir = tempfile::tempdir().expect("a directory");
                let path = dir.path().join("damaged.mst");
                for n in places.skip(thread).step_by(threads) {
                    let bytes = variant(n);
                    assert_ne!(bytes, original);
                    fs::write(&path, bytes).expect("written");
                    let what = format!("{what} {n}");
                    for command in READERS {
                        let done = read_with(command, &path);
                        complains(&what, command, &done, codes);
                        if command.contains(&"--json") || command.contains(&"ndjson") {
                            subsequence(&finished(&done.stdout), whole, &describe(&what, command, &done));
                        }
                    }
                }
            });
        }
    });
}

fn subsequence(shown: &[String], whole: &[String], described: &str) {
    let known: HashSet<&String> = whole.iter().collect();
    let mut rest = whole.iter();
    for line in shown {
        assert!(known.contains(line), "a call that was never recorded: {line}\n{described}");
        assert!(rest.any(|original| original == line), "out of order: {line}\n{described}");
    }
}

fn seed() -> Vec<u8> {
    fs::read(fixtures::dir().join("seed.mst")).expect("fixtures/seed.mst")
}

fn flipped(original: &[u8], n: usize) -> Vec<u8> {
    let mut bytes = original.to_vec();
    bytes[n] ^= 1 << (n % 8);
    bytes
}

#[test]
fn a_trace_cut_at_any_byte_yields_what_is_there_and_says_that_it_was_cut() {
    let seed = seed();
    for_each_variant(&seed, 0..seed.len(), |n| seed[..n].to_vec(), "cut after byte", &[1, 3]);
}

#[test]
fn a_trace_with_any_byte_flipped_is_never_believed() {
    let seed = seed();
    for_each_variant(&seed, 0..seed.len(), |n| flipped(&seed, n), "flipped byte", &[1, 3]);
}

/// The fixture has no index: it is older than that.
#[test]
fn a_trace_whose_index_is_damaged_is_not_led_astray() {
    let seed = fixtures::seed();
    let end = End::decode(&seed[seed.len() - wire::END_FRAME..]).expect("an END");
    let index = end.index_offset as usize;
    assert!(index > 0, "{end:?}");
    for_each_variant(&seed, index..seed.len(), |n| flipped(&seed, n), "flipped byte", &[1, 3]);
    for_each_variant(&seed, index..seed.len(), |n| seed[..n].to_vec(), "cut after byte", &[1, 3]);
}
