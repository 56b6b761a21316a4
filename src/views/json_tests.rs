//! JSON is parsed back with structs that refuse a field nobody documented.

use serde::Deserialize;

use super::*;
use crate::decode::synth::{self, Builder};
use crate::views::testing::printed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Object {
    schema: u32,
    time: Option<String>,
    boottime_ns: serde_json::Value,
    duration_ns: Option<u64>,
    host: String,
    cpu: u32,
    seq: serde_json::Value,
    comm: Option<serde_json::Value>,
    pid: u32,
    tid: u32,
    ppid: Option<u32>,
    uid: Option<u32>,
    mnt_ns: u32,
    cgroup_id: serde_json::Value,
    container: Option<String>,
    call: String,
    args: serde_json::Value,
    ret: Option<i64>,
    error: Option<String>,
    reason: Option<String>,
    finished: bool,
    text: String,
    abi: String,
    mnt_ns_after: Option<u32>,
    mnt_ns_id: serde_json::Value,
    pid_ns: Option<u32>,
    ns_pid: Option<u32>,
    ns_tid: Option<u32>,
    start_ns: serde_json::Value,
    exe: Option<serde_json::Value>,
    parents: Option<Vec<Parent>>,
    cwd: Option<serde_json::Value>,
    root: Option<serde_json::Value>,
    ids: Option<Vec<Id>>,
    ignored: Option<Vec<String>>,
    cgroup: Option<serde_json::Value>,
    runtime: Option<String>,
    pod: Option<String>,
    unit: Option<String>,
    status: String,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Parent {
    pid: u32,
    comm: String,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
enum Id {
    Mount { arg: String, unique_id: Option<u64>, key: String, id: u32, dev: String },
    Fscontext { arg: String, key: String, purpose: String },
    Namespace { arg: String, inode: u32 },
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Flags {
    value: serde_json::Value,
    names: Vec<String>,
    unknown: Option<String>,
}

fn objects(events: impl IntoIterator<Item = Builder>) -> Vec<Object> {
    let clock = Clock { offset_ns: Some(1_700_000_000_000_000_000) };
    let lines = printed(&mut Json::lines("box", clock), events);
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn args(enter: Builder, exit: Builder) -> serde_json::Value {
    objects([enter, exit]).remove(0).args
}

#[test]
fn a_call_is_one_object_with_every_documented_field() {
    let enter = synth::mount(Some(b"/dev/sda1"), Some(b"/mnt"), Some(b"ext4"), 1, None);
    let enter = enter.time(5).cpu(3, 7).task(10, 11).owner(1, 1000, 42).comm(b"mount");
    let lines = printed(
        &mut Json::lines("box", Clock { offset_ns: Some(1_700_000_000_000_000_000) }),
        [enter, synth::exit(1).task(10, 11).time(25).ret(-16)],
    );
    assert_eq!(
        lines,
        concat!(
            r#"{"schema":1,"time":"2023-11-14T22:13:20.000000005Z","boottime_ns":5,"duration_ns":20,"host":"box","#,
            r#""cpu":3,"seq":7,"comm":"mount","pid":10,"tid":11,"ppid":1,"uid":1000,"mnt_ns":4026531840,"#,
            r#""cgroup_id":42,"container":null,"call":"mount","args":{"source":"/dev/sda1","target":"/mnt","#,
            r#""fstype":"ext4","flags":{"value":1,"names":["MS_RDONLY"],"unknown":null},"data":null},"#,
            r#""ret":-16,"error":"EBUSY","reason":null,"finished":true,"#,
            r#""text":"mount(\"/dev/sda1\", \"/mnt\", \"ext4\", MS_RDONLY, NULL) = -EBUSY","abi":"native","#,
            r#""mnt_ns_after":4026531840,"mnt_ns_id":null,"pid_ns":null,"ns_pid":null,"ns_tid":null,"start_ns":null,"#,
            r#""exe":null,"parents":null,"cwd":null,"root":null,"ids":null,"ignored":null,"#,
            r#""cgroup":null,"runtime":null,"pod":null,"unit":null,"status":"returned"}"#,
            "\n"
        )
    );
    assert_eq!(objects([synth::umount2(b"/", 0), synth::exit(2)]).len(), 1);
}

#[test]
fn null_empty_cut_unreadable_late_lost_and_binary_are_told_apart() {
    let enter = synth::enter(1).null(0).string(1, b"").cut(2, b"abc").number(3, 0).fault(4, 0x7fff_1000);
    let want = serde_json::json!({
        "source": null, "target": "", "fstype": {"text": "abc", "capture": "cut", "length": 3},
        "flags": {"value": 0, "names": [], "unknown": null},
        "data": {"capture": "fault", "length": null, "address": "0x7fff1000"},
    });
    assert_eq!(args(enter, synth::exit(1)), want);
    let enter = synth::enter(1).fault(0, 1).string(1, b"\xff\xfe").fault(2, 2);
    let exit = synth::exit(1).late(0, b"none").section(2, 2, 0x81, b"\xff");
    let want = serde_json::json!({
        "source": {"text": "none", "capture": "late", "length": 4},
        "target": {"base64": "//4=", "capture": "whole", "length": 2},
        "fstype": {"base64": "/w==", "capture": "cut", "length": 1, "late": true},
        "flags": null, "data": {"capture": "absent", "length": null},
    });
    assert_eq!(args(enter, exit), want);
}

#[test]
fn flags_keep_their_value_and_what_has_no_name() {
    let enter = synth::mount(None, None, None, 0x1000_0000_c0ed_1000, None);
    let mut args = args(enter, synth::exit(1));
    let flags: Flags = serde_json::from_value(args["flags"].take()).unwrap();
    assert_eq!(flags.value, "1152921507843608576");
    assert_eq!(flags.names, ["MS_MGC_VAL", "MS_BIND"]);
    assert_eq!(flags.unknown.as_deref(), Some("0x1000000000000000"));
}

#[test]
fn numbers_that_a_double_cannot_hold_are_strings() {
    let enter = synth::umount2(b"/", 0).cpu(0, (1 << 53) + 1).time(1 << 53).owner(1, 1, u64::MAX);
    let object = objects([enter, synth::exit(2).time(1 << 53)]).remove(0);
    assert_eq!(object.seq, "9007199254740993");
    assert_eq!(object.boottime_ns, 9_007_199_254_740_992_u64);
    assert_eq!(object.cgroup_id, "18446744073709551615");
}

#[test]
fn a_hung_call_is_one_object_that_is_not_finished() {
    let hung = synth::umount2(b"/nfs", 0).task(9, 9);
    let other = synth::umount2(b"/mnt", 0).time(2_000_000_000);
    let objects = objects([hung, other, synth::exit(2).time(2_000_000_001)]);
    let got: Vec<_> =
        objects.iter().map(|o| (o.tid, o.status.as_str(), o.finished, o.ret, o.duration_ns)).collect();
    assert_eq!(got, [(1, "returned", true, Some(0), Some(1)), (9, "unfinished", false, None, None)]);
}

#[test]
fn what_a_lost_beginning_knew_is_null() {
    let object = objects([synth::exit(2).ret(-22).time(9)]).remove(0);
    assert_eq!((object.comm, object.ppid, object.uid, object.duration_ns), (None, None, None, None));
    assert_eq!((object.ret, object.error.as_deref(), object.finished), (Some(-22), Some("EINVAL"), true));
    assert_eq!(object.status, "beginning_lost");
}

#[test]
fn a_name_that_is_no_text_is_not_made_one() {
    let object = objects([synth::umount2(b"/", 0).comm(b"a\xffb"), synth::exit(2)]).remove(0);
    assert_eq!(object.comm.unwrap(), serde_json::json!({"base64": "Yf9i", "capture": "whole", "length": 3}));
}

#[test]
fn an_array_is_one_even_when_it_is_empty() {
    let clock = Clock::default();
    let empty: Vec<Object> = serde_json::from_str(&printed(&mut Json::array("box", clock), [])).unwrap();
    assert_eq!(empty.len(), 0);
    let two = printed(&mut Json::array("box", clock), [synth::exit(2), synth::exit(1)]);
    let two: Vec<Object> = serde_json::from_str(&two).unwrap();
    assert_eq!(
        two.iter().map(|o| (o.call.as_str(), o.time.is_none())).collect::<Vec<_>>(),
        [("umount2", true), ("mount", true)]
    );
}

#[test]
fn text_stays_text_and_what_a_terminal_obeys_is_escaped() {
    let target = "/é\u{9b}2J\u{202e}\u{7f}\"\n😀\u{85}";
    let events = || [synth::umount2(target.as_bytes(), 0), synth::exit(2)];
    let line = printed(&mut Json::lines("box", Clock::default()), events());
    assert!(line.contains(r#""target":"/é\u009b2J\u202e\u007f\"\u000a😀\u0085""#), "{line}");
    assert_eq!(objects(events()).remove(0).args["target"], target);
}

#[test]
fn what_is_known_of_the_caller_is_told_and_what_is_not_is_null() {
    let process =
        synth::process().task(5, 5).start(70).exe(b"mount\0bin\0").parent(1, 4, b"sh").parent(2, 1, b"init");
    let enter = synth::enter(8).task(5, 5).start(70).namespaces(1 << 60, 9, 2, 3).number(0, 4).string(1, b"");
    let enter = enter.number(2, (-100_i64) as u64).string(3, b"mnt").number(4, 4).mount(
        Some(0),
        1 << 31,
        255,
        30,
        0x80_0001,
    );
    let enter = enter.cwd(b"home\0").root(b"\xff\0").abi(1).mnt_ns(1);
    let object = objects([process, enter, synth::exit(8).task(5, 5).mnt_ns(2)]).remove(0);
    assert_eq!((object.abi.as_str(), object.mnt_ns, object.mnt_ns_after), ("compat", 1, Some(2)));
    assert_eq!((object.mnt_ns_id, object.pid_ns), ("1152921504606846976".into(), Some(9)));
    assert_eq!((object.ns_pid, object.ns_tid, object.start_ns), (Some(2), Some(3), 70.into()));
    assert_eq!((object.exe, object.cwd), (Some("/bin/mount".into()), Some("/home".into())));
    assert_eq!(object.root.unwrap(), serde_json::json!({"base64": "L/8=", "capture": "whole", "length": 2}));
    let parent = |pid, comm: &str| Parent { pid, comm: comm.into() };
    assert_eq!(object.parents.unwrap(), [parent(4, "sh"), parent(1, "init")]);
    let (arg, key, dev) = ("from_dirfd".into(), "0xff".into(), "8:1".into());
    assert_eq!(object.ids.unwrap(), [Id::Mount { arg, unique_id: Some(1 << 31), key, id: 30, dev }]);
    assert_eq!(object.args["to_dirfd"], -100);
    assert_eq!(object.ignored, None);
    let old = objects([synth::umount2(b"/", 0).first_header(), synth::exit(2)]).remove(0);
    let nothing = (old.pid_ns, old.ns_pid, old.ns_tid, old.exe, old.parents, old.ids);
    assert_eq!(nothing, (None, None, None, None, None, None));
    assert!(old.mnt_ns_id.is_null() && old.start_ns.is_null());
}

#[test]
fn where_the_caller_belongs_is_read_from_its_cgroup() {
    let id = "4f3c0a9d5b6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708";
    let told = |names: &str| synth::process().start(70).cgroup(0, names.as_bytes());
    let call = || [synth::umount2(b"/", 0).start(70), synth::exit(2)];
    let object = |names: &str| objects([told(names)].into_iter().chain(call())).remove(0);
    let path = |object: &Object| object.cgroup.as_ref().and_then(|path| path.as_str().map(str::to_owned));

    let docker = object(&format!("docker-{id}.scope\0system.slice\0"));
    assert_eq!(path(&docker), Some(format!("/system.slice/docker-{id}.scope")));
    assert_eq!((docker.container.as_deref(), docker.runtime.as_deref()), (Some(id), Some("docker")));
    assert_eq!((docker.pod, docker.unit), (None, Some(format!("docker-{id}.scope"))));

    let host = object("ssh.service\0system.slice\0");
    assert_eq!(
        (path(&host).as_deref(), host.unit.as_deref()),
        (Some("/system.slice/ssh.service"), Some("ssh.service"))
    );
    assert_eq!((host.container, host.runtime, host.pod), (None, None, None));
}

#[test]
fn returned_objects_are_ids_too() {
    let exit = |call| synth::exit(call).ret(3);
    let fsopen = objects([synth::enter(4).string(0, b"tmpfs"), exit(4).fscontext(None, 16, 0)]).remove(0);
    let (arg, key, purpose) = ("result".into(), "0x10".into(), "mount".into());
    assert_eq!(fsopen.ids.unwrap(), [Id::Fscontext { arg, key, purpose }]);
    let setns = objects([synth::enter(15).number(0, 3).number(1, 0).namespace(Some(0), 7), synth::exit(15)])
        .remove(0);
    assert_eq!(setns.ids.unwrap(), [Id::Namespace { arg: "fd".into(), inode: 7 }]);
}

#[test]
fn what_the_kernel_ignores_is_listed() {
    let enter = synth::mount(Some(b"/dev/vda"), Some(b"/m"), Some(b"none"), 32 | 4096, None);
    let object = objects([enter, synth::exit(1)]).remove(0);
    assert_eq!(object.ignored.unwrap(), ["source", "fstype", "data"]);
}

#[test]
fn structures_have_their_fields_and_their_bytes_and_blobs_their_bytes() {
    let mut attr = [0; 32];
    attr[0] = 0x11;
    attr[24] = 3;
    let enter = synth::enter(11).number(0, 3).string(1, b"").number(2, 0x1000).bytes(3, &attr).number(4, 32);
    let flags =
        |value: u64, names: &[&str]| serde_json::json!({"value": value, "names": names, "unknown": null});
    let want = serde_json::json!({
        "dirfd": 3, "path": "", "flags": flags(0x1000, &["AT_EMPTY_PATH"]),
        "attr": {
            "fields": {
                "attr_set": flags(0x11, &["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOATIME"]), "attr_clr": flags(0, &[]),
                "propagation": flags(0, &[]), "userns_fd": 3,
            },
            "base64": "EQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwAAAAAAAAA=", "capture": "whole", "length": 32,
        },
        "size": 32,
    });
    assert_eq!(args(enter, synth::exit(11)), want);
    let short = synth::enter(11).bytes(3, &attr[..9]);
    assert!(args(short, synth::exit(11))["attr"]["fields"]["attr_clr"].is_null());
    let blob = synth::enter(5).number(0, 3).number(1, 2).string(2, b"k").bytes(3, b"text").number(4, 4);
    let want = serde_json::json!({
        "fd": 3, "cmd": {"value": 2, "name": "FSCONFIG_SET_BINARY"}, "key": "k",
        "value": {"base64": "dGV4dA==", "capture": "whole", "length": 4}, "aux": 4,
    });
    assert_eq!(args(blob, synth::exit(5)), want);
    let odd = synth::enter(5).number(0, 3).number(1, 99).null(2).number(3, 0x10).number(4, 0);
    let got = args(odd, synth::exit(5));
    assert_eq!(got["cmd"], serde_json::json!({"value": 99, "name": null}));
    assert_eq!(got["value"], serde_json::json!({"address": "0x10"}));
}

#[test]
fn a_remark_is_an_object_of_its_own_kind() {
    let mut view = Json::array("box", Clock { offset_ns: Some(1_700_000_000_000_000_000) });
    let mut out = Vec::new();
    view.begin(&mut out);
    view.remark(&mut out, &Remark { time: 5, kind: "note", text: "deploy \"x\"" });
    view.remark(&mut out, &Remark { time: 6, kind: "marker 9", text: "" });
    view.end(&mut out);
    let got: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let object = |kind: &str, time: &str, ns: u64, text: &str| serde_json::json!({"schema": 1, "marker": kind, "time": time, "boottime_ns": ns, "text": text});
    let want = [
        object("note", "2023-11-14T22:13:20.000000005Z", 5, "deploy \"x\""),
        object("marker 9", "2023-11-14T22:13:20.000000006Z", 6, ""),
    ];
    assert_eq!(got, serde_json::Value::from(want.to_vec()));
}
