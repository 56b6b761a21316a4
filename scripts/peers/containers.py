"""Containers that start and end, as small programs start them: by bubblewrap, and by crun on an overlay, as engines do.

Knows nothing of tools nor of what is measured.
"""

import json

from .tools import run

BUBBLEWRAP = "bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run --unshare-pid --unshare-ipc --unshare-uts true"
# The work of an engine around that of the runtime. Each container has paths and a name of its own.
CRUN = """
id=$(printf 'box %s' $i | sha256sum | cut -c1-64)
mkdir -p $id/rootfs $id/upper $id/work
sed s/IDENTIFIER/$id/ config.json >$id/config.json
mount -t overlay overlay -o lowerdir=$PWD/lower,upperdir=$PWD/$id/upper,workdir=$PWD/$id/work $PWD/$id/rootfs
crun --cgroup-manager=disabled run -b $id $id
umount $PWD/$id/rootfs
rm -r $id
"""


def bubblewrap(count):
    """A shell command that starts so many, one after the other."""
    return f"for i in $(seq {count}); do {BUBBLEWRAP}; done"


def crun(count, directory):
    """The same, in a new directory, which then has an image whose only program does nothing."""
    lower = directory / "lower"
    for name in ("bin", "dev", "proc", "sys", "tmp", "etc"):
        (lower / name).mkdir(parents=True)
    (directory / "true.c").write_text("int main(void) { return 0; }\n")
    run("cc", "-O2", "-static", "-o", lower / "bin/true", directory / "true.c")
    run("crun", "spec", cwd=directory)
    file = directory / "config.json"
    config = json.loads(file.read_text())
    config["process"].update(args=["/bin/true"], terminal=False)
    config["hostname"] = "IDENTIFIER"
    file.write_text(json.dumps(config))
    # crun 1.8 refuses a host that has both versions of cgroups; it makes none here.
    run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")
    return f"cd {directory}; for i in $(seq {count}); do {CRUN} done"


