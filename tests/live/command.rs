//! `record -- COMMAND`: its exit status becomes ours, and what cannot be recorded fails before anything is.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Dir, live};

#[test]
fn the_exit_status_is_the_commands() {
    let Some(dir) = live() else { return };
    for (script, status) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        dir.mountsnoop(["record", "--force", "-o", "t.mst", "--", "sh", "-c", script]).run().code(status);
        dir.mountsnoop(["info", "t.mst"]).run().code(0).has("closed");
    }
}

#[test]
fn a_command_that_cannot_be_run_is_126_or_127() {
    let Some(dir) = live() else { return };
    std::fs::write(dir.path("not-a-program"), "").expect("a file");
    let record = |command: &str| dir.mountsnoop(["record", "--force", "-o", "t.mst", "--", command]).run();
    record("./not-a-program").code(126).says("cannot be run");
    record("./not-there").code(127).says("not found");
    record("no-such-program-on-any-path").code(127).says("not found");
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("closed");
}

#[test]
fn a_recording_that_cannot_begin_is_125_with_a_command_and_1_without() {
    let Some(dir) = live() else { return };
    std::fs::write(dir.path("exists.mst"), "precious").expect("a file");
    std::os::unix::fs::symlink("exists.mst", dir.path("link.mst")).expect("a symbolic link");
    dir.subdir("directory");
    for (output, hint) in [
        ("exists.mst", "--force"),
        ("no/such/directory/t.mst", "directory does not exist"),
        ("link.mst", "link.mst"),
        ("directory", "directory"),
        ("/proc/version", "/proc/version"),
        ("/sys/t.mst", "another place"),
    ] {
        // A command that ran would leave a mark.
        dir.mountsnoop(["record", "-o", output, "--", "touch", "ran"]).run().code(125).says(hint);
        dir.mountsnoop(["record", "-o", output]).run().code(1).says(hint);
    }
    // Not even --force follows a link, or it would overwrite what somebody else chose.
    dir.mountsnoop(["record", "--force", "-o", "link.mst", "--", "touch", "ran"])
        .run()
        .code(125)
        .says("symbolic link");
    assert!(!dir.path("ran").exists(), "the command was run although nothing could be recorded");
    assert_eq!(std::fs::read(dir.path("exists.mst")).expect("a file"), b"precious");
}

#[test]
fn force_overwrites_and_the_trace_is_private() {
    let Some(dir) = live() else { return };
    let mode =
        |dir: &Dir| std::fs::metadata(dir.path("t.mst")).expect("a trace").permissions().mode() & 0o7777;
    dir.sh("umask 0; exec $mountsnoop record -o t.mst -- true").run().code(0);
    assert_eq!(mode(&dir), 0o600, "a new trace");

    std::fs::write(dir.path("t.mst"), vec![b'x'; 1 << 20]).expect("a file");
    std::fs::set_permissions(dir.path("t.mst"), PermissionsExt::from_mode(0o666)).expect("its owner");
    dir.mountsnoop(["record", "--force", "-o", "t.mst", "--", "true"]).run().code(0);
    assert_eq!(mode(&dir), 0o600, "a trace in the place of a file");
    // Nothing of what was there before is left behind the trace.
    dir.mountsnoop(["replay", "t.mst"]).run().code(0).silent();
}

#[test]
fn a_recording_without_rights_says_so_and_leaves_everything_as_it_was() {
    let Some(dir) = live() else { return };
    std::fs::write(dir.path("old.mst"), "precious").expect("a file");
    let without_rights =
        |line: &str| dir.sh(&format!("exec setpriv --bounding-set -bpf,-sys_admin {line}")).run();
    without_rights("$mountsnoop").code(1).says("no CAP_BPF");
    without_rights("$mountsnoop record -o new.mst -- touch ran").code(125).says("no CAP_BPF");
    without_rights("$mountsnoop record -o old.mst --force").code(1).says("no CAP_BPF");
    assert!(!dir.path("ran").exists(), "the command was run although nothing could be recorded");
    // An empty file would be in the way of the next attempt, the one with sudo.
    assert!(!dir.path("new.mst").exists(), "a trace of nothing was left behind");
    assert_eq!(std::fs::read(dir.path("old.mst")).expect("a file"), b"precious");
}

#[test]
fn force_onto_a_device_leaves_the_device_alone() {
    let Some(dir) = live() else { return };
    dir.cmd("mknod", ["-m", "666", "null", "c", "1", "3"]).run().code(0);
    dir.mountsnoop(["record", "--force", "-o", "null", "--", "true"]).run().code(0);
    let mode = std::fs::metadata(dir.path("null")).expect("a device").permissions().mode();
    assert_eq!(mode & 0o7777, 0o666);
}

#[test]
fn a_trace_may_go_through_a_pipe() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    dir.sh("$mountsnoop record -q -o - -- ./say through-a-pipe 3 | $mountsnoop replay -")
        .run()
        .code(0)
        .silent()
        .has("umount2(\"through-a-pipe\", 0x0) = -ENOENT");
}

#[test]
fn a_terminal_gets_no_trace() {
    let Some(dir) = live() else { return };
    for (line, status) in [("$mountsnoop record -o - -- touch ran", 125), ("$mountsnoop record -o -", 1)] {
        let line = line.replace("$mountsnoop", env!("CARGO_BIN_EXE_mountsnoop"));
        // script(1) runs it on a terminal of its own.
        dir.cmd("script", ["-qec", &line, "/dev/null"]).run().code(status).has("terminal");
    }
    assert!(!dir.path("ran").exists(), "the command was run although nothing could be recorded");
}

#[test]
fn quiet_is_quiet() {
    let Some(dir) = live() else { return };
    let done = dir.mountsnoop(["record", "--quiet", "-o", "t.mst", "--", "true"]).run().code(0).silent();
    assert_eq!(done.text(), "");
}

#[test]
fn the_commands_streams_are_ours() {
    let Some(dir) = live() else { return };
    let script = "read word; echo out $word; echo err $word >&2";
    let mut recorder =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "sh", "-c", script]).with_stdin().spawn();
    recorder.say("hello");
    let done = recorder.wait().code(0).says("err hello");
    assert_eq!(done.text(), "out hello\n");
}
