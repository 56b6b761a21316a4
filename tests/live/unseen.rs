//! Calls of which no program sees the beginning: answered by a seccomp filter or kept from entry by a tracer, or begun before
//! the recording. They are shown as such, with who made them and their arguments, and never as something else.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Dir, live};

/// Compiles tests/workloads/unseen.c under a name of this test's own: some recorders here see the whole host.
fn compile(dir: &Dir, name: &str) {
    dir.compile("unseen");
    std::fs::rename(dir.path("unseen"), dir.path(name)).expect("a program");
}

/// `status` and `text` of each call in a trace made by tasks of this name.
fn rows(dir: &Dir, trace: &str, comm: &str) -> Vec<(String, String)> {
    let row = |row: &Value| {
        let member = |name: &str| row[name].as_str().expect("text").to_owned();
        // Whether a string was in memory when a call began is not the question here.
        (member("status"), member("text").replace(" /* late */", ""))
    };
    dir.rows(trace, comm).iter().map(row).collect()
}

fn row(status: &str, text: impl Into<String>) -> (String, String) {
    (status.to_owned(), text.into())
}

fn mount(status: &str, result: &str) -> (String, String) {
    row(status, format!(r#"mount("a source", "/no/such/place", "tmpfs", MS_NOSUID, "size=1m") = {result}"#))
}

fn umount(name: &str) -> (String, String) {
    row("returned", format!(r#"umount2("{name}", 0x0) = -ENOENT"#))
}

/// What the role `refused` of tests/workloads/unseen.c does.
fn refused() -> Vec<(String, String)> {
    const BY_SECCOMP: &str = "/* refused before entry by seccomp */";
    let signal = mount("refused", "? /* refused before entry by seccomp, with SIGSYS */");
    vec![
        umount("before"),
        mount("refused", &format!("-EPERM {BY_SECCOMP}")),
        umount("after"),
        umount("before"),
        mount("refused", &format!("-EROFS {BY_SECCOMP}")),
        umount("after"),
        umount("before"),
        signal.clone(),
        umount("after"),
        umount("before"),
        signal,
        umount("before"),
        mount("answered", "0 /* answered before entry by seccomp */"),
        umount("after"),
    ]
}

#[test]
fn what_seccomp_answers_is_told_with_its_arguments_and_never_as_a_call_that_ran() {
    let Some(dir) = live() else { return };
    compile(&dir, "unseen-answered");
    dir.mountsnoop(["record", "-o", "t.mst", "--", "./unseen-answered", "refused"]).run().code(0);
    assert_eq!(rows(&dir, "t.mst", "unseen-answered"), refused());

    // Who it was, when, and what it returned, as far as that means anything.
    let json = dir.rows("t.mst", "unseen-answered");
    let by_status = |status: &str| json.iter().filter(|call| call["status"] == status).collect::<Vec<_>>();
    for call in by_status("refused") {
        assert_eq!(
            (&call["comm"], &call["duration_ns"]),
            (&Value::from("unseen-answered"), &Value::Null),
            "{call}"
        );
        assert_eq!(call["exe"], dir.path("unseen-answered").to_str().expect("a plain name"), "{call}");
        assert_eq!(call["args"]["target"]["capture"], "late", "{call}");
    }
    let results: Vec<Value> = by_status("refused").iter().map(|call| call["error"].clone()).collect();
    assert_eq!(results, ["EPERM".into(), "EROFS".into(), Value::Null, Value::Null]);
    let failed = dir.mountsnoop(["replay", "--failed", "--json", "t.mst"]).run().code(0).silent();
    assert_eq!(failed.text().matches(r#""status":"refused""#).count(), 4, "all of them failed");
}

#[test]
fn what_seccomp_answers_is_seen_on_the_whole_host_and_through_filters_in_the_kernel() {
    let Some(dir) = live() else { return };
    compile(&dir, "unseen-by-host");
    let mut recorder = dir.mountsnoop(["record", "-o", "host.mst"]).spawn();
    recorder.until_recording();
    dir.mountsnoop(["record", "--failed", "-o", "failed.mst", "--", "./unseen-by-host", "refused"])
        .run()
        .code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    assert_eq!(rows(&dir, "host.mst", "unseen-by-host"), refused());
    let failed: Vec<_> = refused().into_iter().filter(|(status, _)| status != "answered").collect();
    assert_eq!(rows(&dir, "failed.mst", "unseen-by-host"), failed);
}

#[test]
fn a_call_that_a_tracer_kept_from_entry_is_told_as_such() {
    let Some(dir) = live() else { return };
    compile(&dir, "unseen-traced");
    dir.mountsnoop(["record", "-o", "t.mst", "--", "./unseen-traced", "emulated"]).run().code(0);
    assert_eq!(
        rows(&dir, "t.mst", "unseen-traced"),
        [mount("emulated", "-ENOSYS /* kept from entry by a tracer */")]
    );
}

/// Of a thread that was there before the recording, the first return may be that of a call which it had begun before.
#[test]
fn a_refusal_of_a_thread_older_than_the_recording_is_certain_from_the_second_on() {
    let Some(dir) = live() else { return };
    compile(&dir, "unseen-older");
    let mut waiting = dir.cmd("./unseen-older", ["waiting"]).with_stdin().spawn();
    waiting.until("a word that it waits", |said| said.contains("ready").then_some(()));
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst"]).spawn();
    recorder.until_recording();
    waiting.say("");
    waiting.wait().code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    assert_eq!(
        rows(&dir, "t.mst", "unseen-older"),
        [
            mount(
                "refused_or_earlier",
                "-EPERM /* refused before entry by seccomp, or begun before the recording */"
            ),
            umount("in between"),
            mount("refused", "-EPERM /* refused before entry by seccomp */"),
        ]
    );
}

/// A filter in the kernel leaves the beginning out; as the call returns it would not.
#[test]
fn a_call_whose_beginning_was_not_wanted_is_not_taken_for_a_refused_one() {
    let Some(dir) = live() else { return };
    compile(&dir, "unseen-entering");
    let mut inside = dir.sh("exec unshare -m sh -c 'echo $$; read go'").with_stdin().spawn();
    let pid: u32 = inside.until("a pid", |said| said.lines().next()?.parse().ok());
    let ns = format!("/proc/{pid}/ns/mnt");
    let link = std::fs::read_link(&ns).expect("/proc").to_string_lossy().into_owned();
    let inode = &link["mnt:[".len()..link.len() - 1];
    let mut recorder = dir.mountsnoop(["record", "--ns", inode, "-o", "t.mst"]).spawn();
    recorder.until_recording();
    dir.cmd("./unseen-entering", ["entering", &ns]).run().code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    inside.say("go");
    inside.wait().code(0);
    assert_eq!(rows(&dir, "t.mst", "unseen-entering"), [umount("inside")]);
}
