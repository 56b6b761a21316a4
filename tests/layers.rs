//! Holds every module to the direction of the data flow: what it may use of this crate, and of others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, what it may use of `crate::`, and which of the crates that are rationed it may use.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("layout", &[], &[]),
    ("format", &["layout"], &["bincode", "serde", "zstd", "crc32c", "memchr", "getrandom", "rustix"]),
    (
        "record",
        &["format", "layout"],
        &["libbpf_rs", "nix", "rustix", "signal_hook", "hmac", "sha2", "getrandom", "anyhow"],
    ),
    ("decode", &["layout"], &["memchr"]),
    ("tools", &["decode", "format", "layout"], &[]),
    ("assemble", &["decode", "layout"], &[]),
    ("filter", &["assemble", "decode", "layout"], &["chrono", "globset", "humantime"]),
    ("views", &["assemble", "decode", "layout"], &["chrono", "serde", "serde_json"]),
    ("bin", &[], &["anyhow", "clap", "humantime", "mountsnoop", "serde_json", "signal_hook"]),
];

/// bincode is unmaintained: one file knows it.
const ONE_FILE: &[(&str, &str)] = &[("bincode", "format/codec.rs")];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: without comments, and without its tests, which may use anything.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let text = text.split("\n#[cfg(test)]\n").next().unwrap_or_default().to_string();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The names that follow `prefix` in the code, groups in braces taken apart.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let word = |text: &str| {
            text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        };
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split('}').next().unwrap_or_default().split(',').map(word)),
            None => names.push(word(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Paths like `zstd::` anywhere in the code.
fn uses_crate(code: &str, name: &str) -> bool {
    let prefix = format!("{name}::");
    code.match_indices(&prefix)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

#[test]
fn a_module_uses_only_what_stands_before_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let rationed: Vec<&str> = ALLOWED.iter().flat_map(|(_, _, crates)| crates.iter().copied()).collect();
    let table: BTreeMap<_, _> =
        ALLOWED.iter().map(|(module, own, crates)| (*module, (*own, *crates))).collect();
    let mut wrong = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&src).expect("below src").to_string_lossy().into_owned();
        let module = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_string();
        if module == "lib" {
            continue;
        }
        let Some((own, crates)) = table.get(module.as_str()) else {
            wrong.push(format!("src/{inside}: the module {module} has no row in the table of {}", file!()));
            continue;
        };
        let code = code(file);
        for used in names_after(&code, "crate::") {
            let internal = used == module || module == "bin";
            if !internal && !own.contains(&used.as_str()) {
                wrong.push(format!("src/{inside}: {module} may not use crate::{used}, only {own:?}"));
            }
        }
        for name in rationed.iter().filter(|name| uses_crate(&code, name)) {
            let only = ONE_FILE.iter().find(|(crate_, _)| crate_ == name).map(|(_, file)| *file);
            if !crates.contains(name) || only.is_some_and(|only| only != inside) {
                wrong.push(format!("src/{inside}: {module} may not use the crate {name} here"));
            }
        }
    }
    assert!(files.len() > 30, "only {} source files were found below {}", files.len(), src.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_itself_sees_what_it_should() {
    let code = "use crate::{format::Item, decode};\nlet x = crate::views::time::now();\nuse super::crate_::y; zstd::x";
    assert_eq!(names_after(code, "crate::"), ["format", "decode", "views"]);
    assert!(uses_crate(code, "zstd") && !uses_crate("nozstd::x a::zstd::y", "zstd"));
}
