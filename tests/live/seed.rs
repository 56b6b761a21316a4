//! The session in the example of the first mountsnoop, ten years later, in its own layout.

use crate::support::{Done, live};

/// The session's lines without what differs from run to run: process and thread ids, and the namespace, of which only
/// remains whether it is that of the first line.
fn form(text: &str) -> Vec<String> {
    let mut first_ns = None;
    let form = text.lines().map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [comm, pid, tid, ns, ..] = fields[..] else { return line.to_owned() };
        if comm == "COMM" {
            return line.to_owned();
        }
        // The columns stand where they stood.
        let call = line.get(45..).unwrap_or_default();
        assert_eq!(line, format!("{comm:<16} {pid:<7} {tid:<7} {ns:<11} {call}"), "the seed's columns");
        assert_eq!(pid, tid, "{line}");
        let same = *first_ns.get_or_insert(ns) == ns;
        format!("{comm} {} {call}", if same { "same ns" } else { "other ns" })
    });
    form.collect()
}

#[track_caller]
fn assert_form(done: &Done, expected: &[String]) {
    if form(done.text()) != expected {
        done.fail(&format!("expected, apart from ids:\n{}", expected.join("\n")));
    }
}

fn example() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/seed-example.txt");
    form(&std::fs::read_to_string(path).expect("the seed's example"))
}

#[test]
fn the_calls_of_2016_print_as_they_did() {
    let Some(dir) = live() else { return };
    dir.compile("seed");
    // The recorder is in the namespace too, so that its COMMAND starts as the seed's shell did.
    dir.sh("exec unshare -m $mountsnoop record -o t.mst -- ./seed").run().code(0);
    let done = dir.mountsnoop(["replay", "--classic", "t.mst"]).run().code(0).silent();
    assert_form(&done, &example());
}

/// What util-linux passes today is not what it passed in 2016:
/// - mount(8) no longer adds MS_MGC_VAL, which no kernel since 2.4 asks for;
/// - it names a filesystem type, "none", for a bind, where it passed NULL;
/// - since 2.39 it uses fsopen(2) and its relatives unless LIBMOUNT_FORCE_MOUNT2 is set.
#[test]
fn the_same_session_in_a_shell_of_today() {
    let Some(dir) = live() else { return };
    let session =
        "mount --bind /mnt /mnt; umount /mnt; unshare -m sh -c 'mount --bind /mnt /mnt; umount /mnt'";
    dir.sh("exec unshare -m $mountsnoop record -o t.mst -- sh -c \"$session\"")
        .env("session", session)
        .env("LIBMOUNT_FORCE_MOUNT2", "always")
        .run()
        .code(0);
    let done = dir.mountsnoop(["replay", "--classic", "t.mst"]).run().code(0).silent();
    let today =
        |line: &String| line.replace("\"/mnt\", \"\", MS_MGC_VAL|MS_BIND", "\"/mnt\", \"none\", MS_BIND");
    assert_form(&done, &example().iter().map(today).collect::<Vec<_>>());
}
