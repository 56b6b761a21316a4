//! What the kernel side is told to leave out, by the cgroup of the caller.

use crate::support::live;

/// In a mount namespace of its own, where a machine with cgroup v1 has v2, too.
#[test]
fn only_the_processes_of_one_cgroup_are_recorded() {
    let Some(dir) = live() else { return };
    dir.compile("say").subdir("cgroups");
    let script = r#"
        set -e
        mount -t cgroup2 none cgroups
        wanted=cgroups/mountsnoop-test-$$ below=$wanted/below
        mkdir -p "$below"
        trap 'rmdir "$below" "$wanted"' EXIT
        $mountsnoop record --cgroup "$wanted" -o t.mst 2>said &
        recorder=$!
        until grep -qs 'recording into' said; do
            kill -0 $recorder || { cat said; exit 1; }
            sleep 0.05
        done
        ./say outside
        sh -c 'echo $$ >'"$wanted"'/cgroup.procs && exec ./say in-the-cgroup'
        sh -c 'echo $$ >'"$below"'/cgroup.procs && exec ./say in-one-below'
        kill -INT $recorder
        wait $recorder
    "#;
    dir.cmd("unshare", ["-m", "sh", "-c", script])
        .env("mountsnoop", env!("CARGO_BIN_EXE_mountsnoop"))
        .run()
        .code(0);
    dir.mountsnoop(["replay", "t.mst"])
        .run()
        .code(0)
        .silent()
        .has(r#"umount2("in-the-cgroup", 0x0) = -ENOENT"#)
        .has_not("outside")
        .has_not("in-one-below");
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("only cgroup ");
}
