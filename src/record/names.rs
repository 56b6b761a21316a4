//! Names of the files of one recording: `STEM.000000.mst`, `STEM.000001.mst`, ... A file has its name from the start and
//! keeps it. Must not know what is in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const EXTENSION: &str = "mst";

/// What the names have in common: the path without `.mst`.
fn stem(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == EXTENSION) {
        path.with_extension("")
    } else {
        path.to_owned()
    }
}

/// The name of a file of the recording that was to be written to `path`.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = stem(path).into_os_string();
    name.push(format!(".{number:06}.{EXTENSION}"));
    name.into()
}

/// Refuses to begin where files of another recording have such names: the two would not be told apart.
pub(super) fn must_be_free(path: &Path) -> Result<()> {
    let stem = stem(path);
    let prefix = stem.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let hint = "its directory does not exist, or may not be read";
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cannot write the trace {}: {hint}", path.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".mst"));
        if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        {
            bail!(
                "cannot write the trace {}: {name} of another recording is there: choose another name, or overwrite it with \
                 --force",
                path.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_six_digits_or_more_before_their_end() {
        for (path, number, expected) in [
            ("/a/trace.mst", 0, "/a/trace.000000.mst"),
            ("trace.2026.mst", 999, "trace.2026.000999.mst"),
            ("trace", 1_000_000, "trace.1000000.mst"),
            ("trace.zst", 1, "trace.zst.000001.mst"),
        ] {
            assert_eq!(numbered(Path::new(path), number), Path::new(expected));
        }
    }

    #[test]
    fn another_recording_of_that_name_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let trace = dir.path().join("t.mst");
        for other in ["t.mst", "t.x.mst", "t.000001", "other.000001.mst", "t..mst"] {
            std::fs::write(dir.path().join(other), "").unwrap();
        }
        must_be_free(&trace).unwrap();
        std::fs::write(dir.path().join("t.000007.mst"), "").unwrap();
        let refused = must_be_free(&trace).unwrap_err().to_string();
        assert!(refused.contains("t.000007.mst of another recording is there"), "{refused}");
    }
}
