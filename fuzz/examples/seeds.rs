//! Writes what fuzzing begins with: `cargo run --example seeds DIRECTORY` makes of every fixture one file for each target that
//! can use it, below the directory, as `fuzz/src/lib.rs` reads them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mountsnoop::format::{Decompressor, Frame, Records, Scanner, Wanted, decompress, record};

/// Of a trace only the beginning: small seeds make quick rounds.
const PIECES: usize = 24;

const WORDS: &str = "2026-08-20T12:03:04Z\n12:03:04.5\nnow\n-5m\n+10s\n@1700000000.5\nmount*\n[a-z]?\n{sh,bash}\n1h30m\n\
call,error+comm,mnt_ns,fstype\n";

fn main() -> io::Result<()> {
    let to = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("corpus"), PathBuf::from);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut traces = Vec::new();
    find(&fixtures, &mut traces)?;
    for path in traces {
        let name = path.strip_prefix(&fixtures).unwrap_or(&path).to_string_lossy().replace('/', "-");
        seed(&to, &name, &path)?;
    }
    write(&to, "words", "every-form", WORDS.as_bytes())
}

fn find(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|ext| ext == "mst") {
            found.push(path);
        }
    }
    Ok(())
}

fn seed(to: &Path, name: &str, path: &Path) -> io::Result<()> {
    let file = fs::read(path)?;
    // As it is, and with everything made right before each reading.
    write(to, "scan", name, &[&[0], &file[..]].concat())?;
    write(to, "scan", &format!("{name}-mended"), &[&[7], &file[..]].concat())?;
    let (mut blocks, mut events) = (vec![0], Vec::new());
    for raw in raw_blocks(path)?.iter().take(PIECES) {
        write(to, "records", &format!("{name}-{}", blocks.len()), raw)?;
        piece(&mut blocks, raw);
        for record in Records::new(raw).flatten().filter(|record| record.kind == record::EVENT).take(PIECES) {
            piece(&mut events, record.body);
        }
    }
    write(to, "blocks", name, &blocks)?;
    write(to, "events", name, &events)
}

fn raw_blocks(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let other = |error: mountsnoop::format::Error| io::Error::other(error.to_string());
    let mut scanner = Scanner::from_file(fs::File::open(path)?, Wanted::Everything).map_err(other)?;
    let (mut context, mut blocks) = (Decompressor::new()?, Vec::new());
    // What cannot be read at all is a seed for the scanner only.
    while let Ok(Some(frame)) = scanner.next() {
        let Frame::Block { header, stored: Some(stored), .. } = frame else { continue };
        let mut raw = Vec::new();
        if decompress(&header, stored, &mut context, &mut raw).is_ok() {
            blocks.push(raw);
        }
    }
    Ok(blocks)
}

/// As the targets take them apart; what is longer than its two bytes of length can say is cut.
fn piece(to: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&len.to_le_bytes());
    to.extend_from_slice(&bytes[..usize::from(len)]);
}

fn write(to: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let dir = to.join(target);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(name), bytes)
}
