//! What the path of a cgroup says of the processes in it: the container, its runtime, the pod, the systemd unit.
//! Runtimes and systemd promise little here: these are the names they are seen to give. It must not know where a path is from.

use std::borrow::Cow;

use super::known::Names;

/// Something that a cgroup's path may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Id or name of the innermost container.
    Container,
    /// What runs that container.
    Runtime,
    /// Uid of the innermost pod of Kubernetes.
    Pod,
    /// The innermost unit of systemd; a slice only where there is nothing else.
    Unit,
}

impl Part {
    /// Its text, where the path names one. A path that was cut has lost outer names only.
    pub fn of<'a>(self, cgroup: &Names<'a>) -> Option<Cow<'a, [u8]>> {
        match self {
            Part::Container => container(cgroup).map(|(_, id)| id),
            Part::Runtime => container(cgroup)?.0.map(|runtime| Cow::Borrowed(runtime.as_bytes())),
            Part::Pod => cgroup.up().find_map(pod),
            Part::Unit => unit(cgroup).map(Cow::Borrowed),
        }
    }
}

type Container<'a> = (Option<&'static str>, Cow<'a, [u8]>);

/// What stands before an id in the name of a container's cgroup, and who puts it there. What else stands there is no
/// container: `libpod-conmon-ID.scope` has the process that watches over it.
const RUNTIMES: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod", "podman"),
    ("libpod-payload", "podman"),
];

fn container<'a>(cgroup: &Names<'a>) -> Option<Container<'a>> {
    let mut up = cgroup.up().peekable();
    while let Some(name) = up.next() {
        let above = up.peek().copied().unwrap_or_default();
        let found = by_id(name, above).or_else(|| by_name(name, above));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// `docker-ID.scope`; `crio-ID`; `SLICE:cri-containerd:ID`, where a runtime and its kubelet disagree about who makes cgroups;
/// `docker/ID`. An id alone leaves open who gave it.
fn by_id<'a>(name: &'a [u8], above: &[u8]) -> Option<Container<'a>> {
    let name = name.strip_suffix(b".scope").unwrap_or(name);
    let (before, id) = match name.iter().rposition(|byte| matches!(byte, b'-' | b':')) {
        Some(at) => (name[..at].rsplit(|&byte| byte == b':').next(), &name[at + 1..]),
        None => (None, name),
    };
    if id.len() != 64 || !id.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let runtime = match before {
        Some(before) => Some(RUNTIMES.iter().find(|(prefix, _)| prefix.as_bytes() == before)?.1),
        None => (above == b"docker").then_some("docker"),
    };
    Some((runtime, Cow::Borrowed(id)))
}

/// Containers that people name.
fn by_name<'a>(name: &'a [u8], above: &[u8]) -> Option<Container<'a>> {
    if let Some(id) = name.strip_prefix(b"lxc.payload.") {
        return Some((Some("lxc"), Cow::Borrowed(id)));
    }
    if matches!(above, b"lxc" | b"lxc.payload") {
        return Some((Some("lxc"), Cow::Borrowed(name)));
    }
    let between = |before: &[u8], behind: &[u8]| name.strip_prefix(before)?.strip_suffix(behind);
    if let Some(id) = between(b"systemd-nspawn@", b".service") {
        return Some((Some("systemd-nspawn"), unescaped(id)));
    }
    // Whoever registers with systemd-machined: nspawn from a command line, libvirt.
    between(b"machine-", b".scope").map(|id| (Some("machine"), unescaped(id)))
}

/// systemd writes `-` in a name as `\x2d`.
fn unescaped(name: &[u8]) -> Cow<'_, [u8]> {
    let mut plain = Vec::with_capacity(name.len());
    let mut at = 0;
    while let Some(&byte) = name.get(at) {
        let digits =
            name.get(at..at + 4).and_then(|code| std::str::from_utf8(code.strip_prefix(b"\\x")?).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(code.unwrap_or(byte));
        at += if code.is_some() { 4 } else { 1 };
    }
    Cow::Owned(plain)
}

/// `podUID`, or `kubepods-burstable-podUID.slice` with `_` for each `-` of it. Of static pods it is a plain hash.
fn pod(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    const GROUPED: usize = 36;
    let name = name.split(|&byte| byte == b':').next()?;
    let name = name.strip_suffix(b".slice").unwrap_or(name);
    let at = memchr::memmem::rfind(name, b"-pod").map_or(0, |at| at + 1);
    let uid = name[at..].strip_prefix(b"pod")?;
    let separates = |at: usize| uid.len() == GROUPED && matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, &u8)| match separates(at) {
        true => matches!(byte, b'-' | b'_'),
        false => byte.is_ascii_hexdigit(),
    };
    if !matches!(uid.len(), 32 | GROUPED) || !uid.iter().enumerate().all(fits) {
        return None;
    }
    if !uid.contains(&b'_') {
        return Some(Cow::Borrowed(uid));
    }
    Some(uid.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect())
}

fn unit<'a>(cgroup: &Names<'a>) -> Option<&'a [u8]> {
    const UNITS: [&str; 5] = [".service", ".scope", ".mount", ".swap", ".socket"];
    let is = |name: &[u8], kind: &str| name.len() > kind.len() && name.ends_with(kind.as_bytes());
    let inner = cgroup.up().find(|name| UNITS.iter().any(|kind| is(name, kind)));
    let found = inner.or_else(|| cgroup.up().find(|name| is(name, ".slice")))?;
    // What could be taken for a file of the cgroup filesystem gets this in front.
    Some(found.strip_prefix(b"_").unwrap_or(found))
}

#[cfg(test)]
mod tests {
    use super::super::{Event, synth};
    use super::*;

    const ID: &str = "4f3c0a9d5b6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708";
    const OUTER: &str = "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961";
    const POD: &str = "2c48913c-b29f-11e7-9350-020968147796";

    /// Container, runtime, pod and unit of a path in which ID, OUTER, POD and POD_ stand for the above; `-` for none.
    #[track_caller]
    fn means(path: &str, want: &str) {
        let fill = |text: &str| {
            let text = text.replace("POD_", &POD.replace('-', "_")).replace("POD", POD);
            text.replace("ID", ID).replace("OUTER", OUTER)
        };
        let names: Vec<u8> = fill(path)
            .rsplit('/')
            .filter(|name| !name.is_empty())
            .flat_map(|name| format!("{name}\0").into_bytes())
            .collect();
        let event = synth::process().cgroup(0, &names).build();
        let cgroup = Event::decode(&event).unwrap().sections.cgroup().unwrap();
        let part = |part: Part| {
            part.of(&cgroup).map_or("-".into(), |text| String::from_utf8(text.into_owned()).unwrap())
        };
        let got = [Part::Container, Part::Runtime, Part::Pod, Part::Unit].map(part).join(" ");
        assert_eq!(got, fill(want), "{path}");
    }

    #[test]
    fn docker() {
        means("/docker/ID", "ID docker - -");
        means("/docker/ID/system.slice/nginx.service", "ID docker - nginx.service");
        means("/system.slice/docker-ID.scope", "ID docker - docker-ID.scope");
        means("/system.slice/docker-ID.scope/init", "ID docker - docker-ID.scope");
        means(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            "ID docker - docker-ID.scope",
        );
        means("/docker/OUTER/docker/ID", "ID docker - -");
        means("/my-parent/ID", "ID - - -");
        means("/docker", "- - - -");
        means("/docker/buildkit/p4v2g5i3ly5ym0hy4r4f9xfdo", "- - - -");
        means("/system.slice/docker.service", "- - - docker.service");
    }

    #[test]
    fn kubernetes() {
        means("/kubepods/besteffort/podPOD/ID", "ID - POD -");
        means("/kubepods/podPOD/crio-ID", "ID cri-o POD -");
        let slice = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD_.slice";
        for (scope, runtime) in [("docker", "docker"), ("cri-containerd", "containerd"), ("crio", "cri-o")] {
            means(&format!("/{slice}/{scope}-ID.scope"), &format!("ID {runtime} POD {scope}-ID.scope"));
        }
        means(&format!("/{slice}/crio-conmon-ID.scope"), "- - POD crio-conmon-ID.scope");
        means(&format!("/{slice}"), "- - POD kubepods-burstable-podPOD_.slice");
        // A static pod's uid is the hash of its manifest.
        let hash = "5f2fcd8c1e0e4a6f9c9b1c2d3e4f5061";
        means(
            &format!("/kubepods.slice/kubepods-pod{hash}.slice/cri-containerd-ID.scope"),
            &format!("ID containerd {hash} cri-containerd-ID.scope"),
        );
        // The kubelet says systemd, containerd does not.
        means(
            "/system.slice/containerd.service/kubepods-besteffort-podPOD_.slice:cri-containerd:ID",
            "ID containerd POD containerd.service",
        );
        // kind: a node is a container itself.
        means("/docker/OUTER/kubelet/kubepods/burstable/podPOD/ID", "ID - POD -");
        means(
            "/system.slice/docker-OUTER.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-podPOD_.slice/cri-containerd-ID.scope",
            "ID containerd POD cri-containerd-ID.scope",
        );
        means("/kubepods/besteffort/podium", "- - - -");
    }

    #[test]
    fn podman_and_nerdctl() {
        means("/machine.slice/libpod-ID.scope/container", "ID podman - libpod-ID.scope");
        means("/machine.slice/libpod-conmon-ID.scope", "- - - libpod-conmon-ID.scope");
        means(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/redis.service/libpod-payload-ID",
            "ID podman - redis.service",
        );
        means("/machine.slice/machine-libpod_pod_OUTER.slice/libpod-ID.scope", "ID podman - libpod-ID.scope");
        means("/libpod_parent/libpod-ID", "ID podman - -");
        means("/system.slice/nerdctl-ID.scope", "ID containerd - nerdctl-ID.scope");
    }

    #[test]
    fn lxc_and_machines() {
        means("/lxc.payload.web-1/system.slice/ssh.service", "web-1 lxc - ssh.service");
        means("/lxc.payload/web/init.scope", "web lxc - init.scope");
        means("/lxc/100/ns/system.slice/ssh.service", "100 lxc - ssh.service");
        means("/lxc.monitor.web", "- - - -");
        means("/lxc/100/docker/ID", "ID docker - -");
        means(
            "/machine.slice/systemd-nspawn@jammy.service/payload/system.slice/cron.service",
            "jammy systemd-nspawn - cron.service",
        );
        means(
            "/machine.slice/systemd-nspawn@my\\x2dbox.service/supervisor",
            "my-box systemd-nspawn - systemd-nspawn@my\\x2dbox.service",
        );
        means("/machine.slice/machine-my\\x2dbox.scope/payload", "my-box machine - machine-my\\x2dbox.scope");
        means("/machine.slice/machine-a\\x2.scope", "a\\x2 machine - machine-a\\x2.scope");
    }

    #[test]
    fn units() {
        means("/", "- - - -");
        means("/init.scope", "- - - init.scope");
        means("/system.slice", "- - - system.slice");
        means("/system.slice/ssh.service", "- - - ssh.service");
        means("/system.slice/system-getty.slice/getty@tty1.service", "- - - getty@tty1.service");
        means("/system.slice/home.mount", "- - - home.mount");
        means("/system.slice/_cpu.service", "- - - cpu.service");
        means("/user.slice/user-1000.slice/session-3.scope", "- - - session-3.scope");
        means("/user.slice/user-1000.slice/user@1000.service/init.scope", "- - - init.scope");
        means(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-org.gnome.Terminal-4711.scope",
            "- - - app-gnome-org.gnome.Terminal-4711.scope",
        );
        means("/system.slice/my.service/worker", "- - - my.service");
        means("/a/.service/b", "- - - -");
    }
}
