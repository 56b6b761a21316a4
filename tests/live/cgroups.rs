//! The cgroup of a caller, as the kernel side walks it, is the one that /proc/PID/cgroup shows; and it is followed.

use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::support::{Dir, Done, live};

const ID: &str = "4f3c0a9d5b6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708";

/// In a hierarchy mounted for it alone, one process makes a call in a container's cgroup and one in a service's.
fn record(dir: &Dir, mount: &str) -> (Done, Vec<Value>) {
    dir.compile("who");
    let script = format!(
        "mkdir hierarchy && mount {mount} none hierarchy || exit 77
         top=hierarchy/mountsnoop-test-$$.slice
         mkdir -p $top/docker-{ID}.scope $top/some.service
         ln -s $top/docker-{ID}.scope one
         ln -s $top/some.service two
         ./who moves .
         status=$?
         for group in one/. two/. $top; do until rmdir $(realpath $group); do sleep 0.05; done; done
         umount hierarchy
         exit $status"
    );
    let recorded =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "unshare", "-m", "sh", "-c", &script]).run();
    let replayed = dir.mountsnoop(["replay", "--json", "--comm", "who", "t.mst"]).run().code(0).silent();
    let calls = replayed.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (recorded, calls)
}

/// Of the lines of /proc/PID/cgroup the path that docs/FORMAT.md says is told: a hierarchy with a name, v2, the oldest.
fn expected<'a>(lines: impl Iterator<Item = &'a str>) -> &'a str {
    let split = |line: &'a str| {
        line.split_once(':').and_then(|(_, rest)| rest.split_once(':')).expect("N:NAMES:PATH")
    };
    let lines: Vec<_> = lines.map(split).filter(|(_, path)| *path != "/").collect();
    let named = lines.iter().find(|(names, _)| names.contains("name="));
    let v2 = lines.iter().find(|(names, _)| names.is_empty());
    // They are listed from the newest to the oldest.
    named.or(v2).or(lines.last()).map_or("/", |(_, path)| path)
}

fn check(recorded: &Done, calls: &[Value]) {
    let names: Vec<_> = calls.iter().map(|call| call["args"]["target"].as_str().unwrap_or("?")).collect();
    assert_eq!(names, ["one", "two"], "{calls:#?}");
    for (call, name) in calls.iter().zip(names) {
        let said = recorded.text().lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let (want, got) = (expected(said), call["cgroup"].as_str().unwrap_or("?"));
        // PROC_CGROUP_INIT_INO in include/linux/proc_ns.h: elsewhere /proc hides where the namespace begins.
        let whole = std::fs::metadata("/proc/self/ns/cgroup").expect("/proc").ino() == 0xefff_fffb;
        if got != want && (whole || !got.ends_with(want)) {
            recorded.fail(&format!("expected the cgroup {want}, got {got}"));
        }
    }
    let place = |call: &Value| {
        ["container", "runtime", "unit"].map(|column| call[column].as_str().map(str::to_owned))
    };
    let want = [ID, "docker", &format!("docker-{ID}.scope")].map(|text| Some(text.to_owned()));
    assert_eq!(place(&calls[0]), want);
    assert_eq!(place(&calls[1]), [None, None, Some("some.service".to_owned())]);
}

#[test]
fn a_cgroup_is_told_by_its_path_and_again_when_the_process_is_moved() {
    let Some(dir) = live() else { return };
    let (recorded, calls) = record(&dir, "-t cgroup2");
    let recorded = recorded.code(0);
    check(&recorded, &calls);
    assert_ne!(calls[0]["cgroup_id"], calls[1]["cgroup_id"]);
}

#[test]
fn where_a_hierarchy_of_cgroup_v1_has_a_name_it_is_told() {
    let Some(dir) = live() else { return };
    let (recorded, calls) = record(&dir, "-t cgroup -o none,name=mountsnoop-test");
    if recorded.status.code() == Some(77) {
        // The kernel was told cgroup_no_v1, or built without.
        return;
    }
    let recorded = recorded.code(0);
    check(&recorded, &calls);
    assert_eq!(calls[0]["cgroup_id"], calls[1]["cgroup_id"], "v2 knows nothing of it");
}
