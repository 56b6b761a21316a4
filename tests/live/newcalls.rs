//! What is told of the newer calls beside their arguments: what descriptors stand for, who called and from where, and which
//! calls the kernel is asked to leave alone.

use serde_json::Value;

use crate::support::{Dir, Running, in_first_pid_namespace, live};

fn text(call: &Value) -> &str {
    call["text"].as_str().expect("text")
}

fn texts(calls: &[Value]) -> Vec<&str> {
    calls.iter().map(text).collect()
}

/// What the descriptor in that argument, or the result, stands for.
fn id<'a>(call: &'a Value, arg: &str) -> Option<&'a Value> {
    call["ids"].as_array()?.iter().find(|id| id["arg"] == arg)
}

/// The words behind `what` in the lines that a workload has said.
fn said<'a>(lines: &'a str, what: &str) -> Vec<&'a str> {
    lines.lines().filter_map(|line| line.strip_prefix(what)?.strip_prefix(' ')).collect()
}

/// Of a link such as `mnt:[4026531840]`.
fn inode(link: &str) -> u64 {
    link["mnt:[".len()..link.len() - 1].parse().expect("an inode")
}

#[test]
fn descriptors_are_told_by_what_they_stand_for() {
    let Some(dir) = live() else { return };
    dir.compile("who").subdir("scratch");
    let recorded =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "./who", "identities", "scratch"]).run().code(0);
    let calls = dir.rows("t.mst", "who");
    let of = |name: &str| calls.iter().filter(move |call| call["call"] == name).collect::<Vec<_>>();
    let key = |call: &Value, arg: &str| {
        let id = id(call, arg).unwrap_or_else(|| panic!("no identity of {arg} in {call}"));
        assert_eq!(id["kind"], "fscontext", "{call}");
        id["key"].as_str().expect("a key").to_owned()
    };
    let (fsopen, fsconfig, fsmount) = (of("fsopen"), of("fsconfig"), of("fsmount"));
    let (one, two) = (key(fsopen[0], "result"), key(fsopen[1], "result"));
    assert_ne!(one, two, "two contexts");
    let picked = key(of("fspick")[0], "result");
    assert!(![&one, &two].contains(&&picked), "a third");
    // One context has two descriptors: the third and fourth call are made with the duplicate.
    let got: Vec<String> = fsconfig[..6].iter().map(|call| key(call, "fd")).collect();
    assert_eq!(got, [&one, &two, &one, &one, &two, &picked].map(String::clone));
    assert_eq!(id(fsconfig[6], "fd"), None, "standard input is no context");
    assert_eq!([key(fsmount[0], "fsfd"), key(fsmount[1], "fsfd")], [one, two]);
    for call in fsopen.iter().chain(&fsmount).chain(&fsconfig[..5]) {
        let purpose = call["ids"].as_array().expect("ids")[0]["purpose"].as_str();
        assert_eq!(purpose, Some("mount"), "{call}");
    }
    assert_eq!(id(of("fspick")[0], "result").expect("a context")["purpose"], "reconfigure");

    // Mounts by both their ids, which statx says too.
    let mount = |call: &Value, arg: &str| {
        let id = id(call, arg).unwrap_or_else(|| panic!("no identity of {arg} in {call}"));
        assert_eq!(id["kind"], "mount", "{call}");
        (id["unique_id"].to_string(), id["id"].to_string())
    };
    let says = |what: &str| said(recorded.text(), what).join(" ");
    let mounts = [mount(fsmount[0], "result"), mount(fsmount[1], "result")];
    let tree = mount(of("open_tree")[0], "result");
    // statx has the unique ids since 6.8, and then so does a trace.
    if says("tree") != "0" {
        assert_eq!(says("unique"), format!("{} {}", mounts[0].0, mounts[1].0));
        assert_eq!(says("tree"), tree.0);
    }
    assert_eq!(says("id"), format!("{} {}", mounts[0].1, mounts[1].1));
    let moved = of("move_mount");
    assert_eq!(mounts, [mount(moved[0], "from_dirfd"), mount(moved[1], "from_dirfd")]);
    assert_eq!(mounts[0], mount(of("fspick")[0], "dirfd"));
    assert_ne!(mounts[0], tree, "a clone is another mount");
}

#[test]
fn places_are_those_of_proc() {
    let Some(dir) = live() else { return };
    dir.compile("who").subdir("scratch");
    let recorded =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "./who", "places", "scratch"]).run().code(0);
    let calls = dir.rows("t.mst", "who");
    let find = |name: &str| {
        let found = calls.iter().find(|call| text(call).contains(name));
        found.unwrap_or_else(|| panic!("no call with {name} in {:#?}", texts(&calls)))
    };

    let ns: Vec<u64> = said(recorded.text(), "ns").iter().map(|link| inode(link)).collect();
    let around = |call: &Value| (call["mnt_ns"].as_u64(), call["mnt_ns_after"].as_u64());
    assert_eq!(around(find("unshare(")), (Some(ns[0]), Some(ns[1])));
    assert_eq!(around(find("setns(")), (Some(ns[1]), Some(ns[2])));
    assert_ne!(ns[0], ns[1], "unshare makes a namespace");
    let target = id(find("setns("), "fd").expect("what the descriptor stands for");
    assert_eq!((target["kind"].as_str(), target["inode"].as_u64()), (Some("namespace"), Some(ns[2])));

    let cwd = said(recorded.text(), "cwd");
    assert_eq!(find("a relative path")["cwd"], cwd[0]);
    assert_eq!(find("an/absolute")["cwd"], Value::Null, "it does not matter there");
    assert_eq!(find("a relative path")["root"], Value::Null, "nobody has changed it");
    assert_eq!(find("from there")["cwd"], cwd[1], "as the namespace has it, not as the process does");
    assert_eq!(find("from there")["root"], cwd[1]);
    assert_eq!(find("in another root")["root"], cwd[1]);

    let relative = find("a relative path");
    assert_eq!(relative["exe"], said(recorded.text(), "exe")[0]);
    assert_eq!(relative["parents"][0]["pid"], relative["ppid"]);
    assert_eq!(relative["parents"][0]["comm"], "mountsnoop");
    if in_first_pid_namespace() {
        let comm = std::fs::read_to_string("/proc/self/comm").expect("/proc");
        assert_eq!(relative["parents"][1]["pid"], std::process::id(), "{relative}");
        assert_eq!(relative["parents"][1]["comm"], comm.trim_end(), "{relative}");
    }
}

/// setns(2) takes a process in the place of a namespace since Linux 5.8.
#[test]
fn a_pidfd_is_told_by_the_mount_namespace_of_its_process() {
    let Some(dir) = live() else { return };
    dir.compile("who");
    let recorded = dir.mountsnoop(["record", "-o", "t.mst", "--", "./who", "pidfd", "-"]).run().code(0);
    let ns: u64 = inode(said(recorded.text(), "ns")[0]);
    let calls = dir.rows("t.mst", "who");
    let setns = calls.iter().find(|call| call["call"] == "setns").expect("a call of setns");
    let target = id(setns, "fd").unwrap_or_else(|| panic!("nothing of the descriptor: {setns}"));
    assert_eq!((target["kind"].as_str(), target["inode"].as_u64()), (Some("namespace"), Some(ns)));
    assert_eq!(setns["mnt_ns_after"].as_u64(), Some(ns), "and that is where it went");
}

#[test]
fn the_pid_inside_a_pid_namespace_is_told_too() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let script = "echo $$; readlink /proc/self/ns/pid; exec ./say inside";
    let recorded =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "unshare", "-pf", "sh", "-c", script]).run().code(0);
    let said: Vec<&str> = recorded.text().lines().collect();
    let calls = dir.rows("t.mst", "say");
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!(calls[0]["ns_pid"].to_string(), said[0]);
    assert_eq!(calls[0]["ns_tid"].to_string(), said[0]);
    assert_ne!(calls[0]["pid"], calls[0]["ns_pid"]);
    assert_eq!(format!("pid:[{}]", calls[0]["pid_ns"]), said[1]);
}

#[test]
fn forks_without_a_mount_namespace_leave_nothing() {
    let Some(dir) = live() else { return };
    dir.compile("who");
    dir.mountsnoop(["record", "-o", "t.mst", "--", "./who", "forks", "-"]).run().code(0);
    let info = dir.mountsnoop(["info", "--json", "t.mst"]).run().code(0);
    let info: Value = serde_json::from_str(info.text()).expect("JSON");
    // Both ends of the one call, and who made it.
    assert_eq!(info["events"], 3, "{info}");
    assert_eq!(texts(&dir.rows("t.mst", "who")), [r#"umount2("after the forks", 0x0) = -ENOENT"#]);
}

#[test]
fn queries_are_counted_and_recorded_on_request() {
    let Some(dir) = live() else { return };
    dir.compile("who");
    dir.mountsnoop(["record", "-o", "none.mst", "--", "./who", "queries", "-"]).run().code(0);
    assert_eq!(texts(&dir.rows("none.mst", "who")), [""; 0]);
    let info = dir.mountsnoop(["info", "--json", "none.mst"]).run().code(0);
    let info: Value = serde_json::from_str(info.text()).expect("JSON");
    assert!(info["stats"]["queries"].as_u64() >= Some(3), "{info}");

    dir.mountsnoop(["record", "--queries", "-o", "t.mst", "--", "./who", "queries", "-"]).run().code(0);
    let calls = dir.rows("t.mst", "who");
    let got: Vec<String> = texts(&calls)
        .iter()
        .map(|text| {
            // Without the address of the answer.
            let (before, after) = text.split_once(", 0x7").expect("an address");
            format!("{before}{}", &after[after.find(',').expect("more arguments")..])
        })
        .collect();
    assert_eq!(
        got,
        [
            "listmount({size=32, mnt_id=0xffffffffffffffff, param=0x0}, 4, 0x0) = 4",
            "listmount(NULL, 4, LISTMOUNT_REVERSE) = -EFAULT",
            "statmount({size=32, mnt_id=0x5, param=STATMOUNT_SB_BASIC|STATMOUNT_MNT_BASIC}, 32, 0x0) = -EINVAL",
        ]
    );
}

/// strace in Debian 12 does not know the call.
#[test]
fn open_tree_attr_is_told_with_its_structure() {
    let Some(dir) = live() else { return };
    dir.compile("newcalls");
    dir.mountsnoop(["record", "--calls", "open_tree_attr", "-o", "t.mst", "--", "./newcalls", "attr"])
        .run()
        .code(0);
    const ATIME: &str = "attr_set=MOUNT_ATTR_NOATIME, attr_clr=MOUNT_ATTR__ATIME";
    let all = format!("{ATIME}, propagation=0x0, userns_fd=0");
    let want = [
        format!(r#"AT_FDCWD, "no/such/directory", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC, {{{all}}}, 32"#),
        r#"-1, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_SYMLINK_NOFOLLOW|AT_NO_AUTOMOUNT|AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSYMFOLLOW, attr_clr=0x0, propagation=MS_SLAVE, userns_fd=-1}, 32"#.into(),
        r#"-1, "no/such/directory", 0x0, NULL, 0"#.into(),
        r#"-1, NULL, OPEN_TREE_NAMESPACE, NULL, 32"#.into(),
        r#"-1, "x", OPEN_TREE_CLOEXEC, {}, 0"#.into(),
        format!(r#"-1, "x", OPEN_TREE_CLOEXEC, {{{ATIME}}}, 16"#),
        format!(r#"-1, "x", OPEN_TREE_CLOEXEC, {{{all}}}, 40"#),
        format!(r#"-1, "x", OPEN_TREE_CLOEXEC, {{{all}, /* bytes 32..39 */ "\x07\x00\x00\x00\x00\x00\x00\x00"}}, 40"#),
        r#"-1, "x", OPEN_TREE_CLOEXEC, 0x8, 32"#.into(),
        format!(r#"-1, "x", OPEN_TREE_CLOEXEC, {{{all}, ...}}, 4097"#),
        format!(r#"AT_FDCWD, "/", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC, {{{all}}}, 32"#),
    ];
    let calls = dir.rows("t.mst", "newcalls");
    let got: Vec<&str> = texts(&calls)
        .iter()
        .map(|text| {
            let (arguments, _) = text.rsplit_once(") = ").expect("it returned");
            arguments.strip_prefix("open_tree_attr(").expect("no other call")
        })
        .collect();
    assert_eq!(got, want);
}

#[test]
fn only_the_calls_asked_for_are_recorded() {
    let Some(dir) = live() else { return };
    dir.compile("who").subdir("scratch");
    let only = "fsopen,move_mount,unshare";
    dir.mountsnoop(["record", "--calls", only, "-o", "t.mst", "--", "./who", "identities", "scratch"])
        .run()
        .code(0);
    let calls = dir.rows("t.mst", "who");
    let names: Vec<&str> = calls.iter().map(|call| call["call"].as_str().expect("a name")).collect();
    assert_eq!(names, ["unshare", "fsopen", "fsopen", "move_mount", "move_mount"]);
}

/// A process that waits for a word and then calls umount2 twice, the second time in a child; and its pid.
fn waiting(dir: &Dir, name: &str, before: &str) -> (Running, u32) {
    let mut running = dir.sh(&format!("exec {before} ./who waiting {name}")).with_stdin().spawn();
    let pid = running.until("its pid", |said| said.strip_prefix("pid ")?.lines().next()?.parse().ok());
    (running, pid)
}

#[test]
fn processes_and_namespaces_are_told_apart_in_the_kernel() {
    let Some(dir) = live() else { return };
    dir.compile("who");
    let record = |filter: &dyn Fn(u32) -> Vec<String>| {
        let (mut wanted, pid) = waiting(&dir, "wanted", "unshare -m");
        let (mut other, _) = waiting(&dir, "other", "");
        let mut args: Vec<String> = ["record", "--force", "-o", "t.mst"].map(str::to_owned).into();
        args.extend(filter(pid));
        let mut recorder = dir.mountsnoop(args).spawn();
        recorder.until_recording();
        for running in [&mut other, &mut wanted] {
            running.say("");
        }
        wanted.wait().code(0);
        other.wait().code(0);
        recorder.signal(rustix::process::Signal::INT);
        recorder.wait().code(0);
        let calls = dir.rows("t.mst", "who");
        calls.iter().map(|call| text(call).to_owned()).collect::<Vec<_>>()
    };
    let wanted = r#"umount2("wanted", 0x0) = -ENOENT"#;
    let child = r#"umount2("child of wanted", 0x0) = -ENOENT"#;
    let ns = |pid: u32| {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/mnt")).expect("/proc");
        let link = link.to_string_lossy().into_owned();
        link["mnt:[".len()..link.len() - 1].to_owned()
    };
    assert_eq!(record(&|pid| vec!["--ns".into(), ns(pid)]), [wanted, child]);
    assert_eq!(record(&|pid| vec!["-p".into(), pid.to_string()]), [wanted]);
    assert_eq!(record(&|pid| vec!["-p".into(), pid.to_string(), "--follow-forks".into()]), [wanted, child]);
}

/// One recorder sees everything, the other, at the same time, what fails.
#[test]
fn failing_calls_alone_have_both_ends_and_their_own_times() {
    let Some(dir) = live() else { return };
    dir.compile("who").subdir("scratch");
    let line = "exec $mountsnoop record -o all.mst -- $mountsnoop record --failed -o failed.mst -- ./who failing scratch";
    dir.sh(line).run().code(0);
    let all = dir.rows("all.mst", "who");
    let failed = dir.rows("failed.mst", "who");
    let expected: Vec<Value> = all.iter().filter(|call| call["error"] != Value::Null).cloned().collect();
    assert_eq!(failed.len(), 10, "{:#?}", texts(&failed));
    assert!(all.len() > expected.len(), "{:#?}", texts(&all));
    assert_eq!(texts(&failed), texts(&expected));
    for (got, want) in failed.iter().zip(&expected) {
        assert_eq!(got["finished"], true, "{got}");
        // Both looked at the clock, one after the other, at each end.
        let end = |call: &Value| call["boottime_ns"].as_u64().zip(call["duration_ns"].as_u64());
        let ((begun, took), (their_begun, their_took)) =
            (end(got).expect("times"), end(want).expect("times"));
        assert!(begun.abs_diff(their_begun) < 5_000_000, "{got}\n{want}");
        assert!((begun + took).abs_diff(their_begun + their_took) < 5_000_000, "{got}\n{want}");
        for member in ["pid", "tid", "mnt_ns", "exe", "parents", "cwd", "args"] {
            let (got, want) = (&got[member], &want[member]);
            assert!(got == want, "{member}: {got} and {want}");
        }
    }
}
