//! How many instructions each stage takes for an event: a guard against becoming slower that the noise of a machine does
//! not reach. `make instructions` has callgrind count them and compares with `benches/instructions.txt`; times are for
//! `benches/pipeline.rs`.
//!
//! Run by `cargo bench` it starts itself under valgrind, once a stage, as `instructions --stage NAME`, where only what runs
//! below [`counted`] counts, and what reads ahead: not the making of the events, and of a view not the pairing. Run by `cargo test` it executes
//! every stage once.

mod stages;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use stages::{VIEWS, blocks, decode, file, grow, pair, read, show, write};

/// Enough that what is done once does not show: 20,007 events.
const EVENTS: usize = 20_000;
/// What a count may differ from the expected one, percent: the layout of the code decides that much.
const SLACK: f64 = 5.0;
const STAGES: [&str; 4] = ["write", "read", "decode", "pair"];

/// What callgrind looks for: it counts from here until this returns.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    // Not the last instruction, or the call would become a jump and this function disappear from the stack.
    black_box(());
}

/// Does what is to be counted, once.
fn run(stage: &str, events: &[Vec<u8>]) {
    let mut result = 0;
    match stage {
        "write" => counted(&mut || result = write(events).len()),
        "read" => {
            let mut file = file(&write(events));
            counted(&mut || result = read(&mut file));
        }
        "decode" => counted(&mut || result = decode(events)),
        "pair" => {
            let blocks = blocks(events);
            counted(&mut || result = pair(&blocks));
        }
        view => {
            let (_, make) = VIEWS.iter().find(|(name, _)| *name == view).expect("a stage");
            result = show(events, &mut *make(), counted);
        }
    }
    assert!(result > 0, "{stage} did nothing");
}

/// Instructions of a stage, for an event.
fn count(stage: &str, events: usize) -> f64 {
    let callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"];
    let out = Command::new("valgrind")
        .args(callgrind)
        .arg("--toggle-collect=instructions::counted*")
        // A reader opens blocks on a thread of its own.
        .arg("--toggle-collect=mountsnoop::format::ahead::run_ahead*")
        .arg(env::current_exe().expect("this program"))
        .args(["--stage", stage])
        .output()
        .expect("valgrind is needed: `make instructions` installs it");
    let said = String::from_utf8_lossy(&out.stderr);
    let number = |line: &str| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok();
    match said.lines().find_map(number) {
        Some(count) if out.status.success() && count > 0 => count as f64 / events as f64,
        _ => panic!("valgrind counted nothing for {stage}, {}:\n{said}", out.status),
    }
}

/// Which compiler made this, and on whose processor it runs, by which libc chooses how it copies: counts of others say nothing.
fn toolchain() -> String {
    let rustc = Command::new("rustc").arg("--version").output().expect("rustc");
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let vendor = cpus.lines().find_map(|line| line.strip_prefix("vendor_id\t: ")).unwrap_or("unknown");
    format!("{}, {} {vendor}", String::from_utf8_lossy(&rustc.stdout).trim(), env::consts::ARCH)
}

/// What was counted last time, and by which toolchain.
struct Expected {
    toolchain: String,
    counts: BTreeMap<String, f64>,
}

impl Expected {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
    }

    fn load() -> Expected {
        let text = fs::read_to_string(Expected::path()).expect("benches/instructions.txt");
        let mut rows = text.lines().filter(|line| !line.starts_with('#'));
        let toolchain = rows.next().expect("the toolchain").to_string();
        let row = |line: &str| {
            let (stage, count) = line.split_once(' ').expect("a stage and its count");
            (stage.to_string(), count.trim().parse().expect("a count"))
        };
        Expected { toolchain, counts: rows.map(row).collect() }
    }

    fn save(counts: &[(&str, f64)]) {
        let mut text =
            String::from("# Instructions an event: `MOUNTSNOOP_UPDATE=1 make instructions` writes this.\n");
        text += &format!("{}\n", toolchain());
        for (stage, count) in counts {
            text += &format!("{stage:<11} {count:8.1}\n");
        }
        fs::write(Expected::path(), text).expect("written");
    }
}

/// Prints the table; whether nothing has become slower.
fn compare(counts: &[(&str, f64)]) -> bool {
    let expected = Expected::load();
    let comparable = expected.toolchain == toolchain();
    let (mut more, mut fewer) = (0, 0);
    println!("{:<11} {:>9} {:>9}   instructions an event", "", "expected", "counted");
    for (stage, count) in counts {
        let Some(before) = expected.counts.get(*stage) else {
            println!("{stage:<11} {:>9} {count:9.1}   not in the file", "");
            more += 1;
            continue;
        };
        let percent = (count / before - 1.0) * 100.0;
        let verdict = match percent {
            p if p > SLACK => "  MORE",
            p if p < -SLACK => "  fewer",
            _ => "",
        };
        more += usize::from(percent > SLACK);
        fewer += usize::from(percent < -SLACK);
        println!("{stage:<11} {before:9.1} {count:9.1}  {percent:+6.1} %{verdict}");
    }
    let update =
        "`MOUNTSNOOP_UPDATE=1 make instructions` writes what was counted into benches/instructions.txt";
    if !comparable {
        println!(
            "not judged: the file was made with {}, this with {}. Update it on a commit before the change to be judged: {update}",
            expected.toolchain,
            toolchain()
        );
        return true;
    }
    if more > 0 {
        println!(
            "{more} take over {SLACK} % more than expected. If that is worth it, say why in the commit: {update}"
        );
    }
    if fewer > 0 {
        println!("{fewer} take over {SLACK} % fewer. Keep that: {update}");
    }
    more == 0
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let events = grow(EVENTS);
    let all = || STAGES.into_iter().chain(VIEWS.map(|(name, _)| name));
    if let Some(at) = args.iter().position(|arg| arg == "--stage") {
        run(&args[at + 1], &events);
        return ExitCode::SUCCESS;
    }
    if !args.iter().any(|arg| arg == "--bench") {
        all().for_each(|stage| run(stage, &events));
        return ExitCode::SUCCESS;
    }
    let counts: Vec<(&str, f64)> = all().map(|stage| (stage, count(stage, events.len()))).collect();
    if env::var_os("MOUNTSNOOP_UPDATE").is_some() {
        Expected::save(&counts);
    }
    ExitCode::from(u8::from(!compare(&counts)))
}
