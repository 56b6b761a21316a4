//! Calls of 32-bit programs, which the tracepoints of a 64-bit x86 kernel do not see: recorded with --compat.

use crate::support::{Dir, live};

/// The text of each call by tasks of this name; whether a string was in memory is not the question here.
fn texts(dir: &Dir, trace: &str, comm: &str) -> Vec<String> {
    let text = |row: &serde_json::Value| row["text"].as_str().expect("text").replace(" /* late */", "");
    dir.rows(trace, comm).iter().map(text).collect()
}

#[test]
fn every_call_of_a_32_bit_program_is_what_the_program_says() {
    let Some(dir) = live() else { return };
    dir.compile_32("compat");
    let record =
        ["record", "--attach", "tracepoint", "--compat", "--queries", "-o", "t.mst", "--", "./compat"];
    let said = dir.mountsnoop(record).run().code(0);
    // What this kernel lacks is asked for all the same.
    let (lacking, expected): (Vec<&str>, Vec<&str>) =
        said.text().lines().partition(|line| line.starts_with("lacks "));
    let got = texts(&dir, "t.mst", "compat");
    let (refused, got): (Vec<String>, Vec<String>) =
        got.into_iter().partition(|line| line.ends_with(" = -ENOSYS"));
    assert_eq!(got, expected);
    assert_eq!(refused.len(), lacking.len(), "{refused:#?} {lacking:#?}");
    if got.len() < 15 {
        said.fail("expected more than 15 calls that this kernel has");
    }

    // Without --compat none of them is seen, and that is said.
    let record = ["record", "--attach", "tracepoint", "--force", "-o", "t.mst", "--", "./compat"];
    dir.mountsnoop(record).run().code(0);
    assert_eq!(texts(&dir, "t.mst", "compat"), [""; 0]);
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("calls of 32-bit programs are not recorded");
}

#[test]
fn a_32_bit_call_that_seccomp_refuses_is_told_as_such() {
    let Some(dir) = live() else { return };
    dir.compile("unseen");
    let record = ["record", "--attach", "tracepoint", "--compat", "-o", "t.mst", "--", "./unseen", "compat"];
    dir.mountsnoop(record).run().code(0);
    assert_eq!(
        texts(&dir, "t.mst", "unseen"),
        [
            r#"mount[32]("a source", "/no/such/place", "tmpfs", MS_NOSUID, "size=1m") = -EPERM /* refused before entry by seccomp */"#
        ]
    );
}
