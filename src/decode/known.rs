//! What an event tells besides the arguments: what descriptors stand for, where the caller was, what its process is.
//! It must not know any call. A section too short for what it should hold is one that is not there.

use super::bytes::Capture;
use super::event::{Section, Sections};
use crate::layout;

/// What a file descriptor stands for, or the file that a call returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Which argument, from 0; `None`: what the call returned.
    pub arg: Option<u8>,
    /// What it stands for.
    pub what: Object,
}

/// Something of the kernel's that calls work on, by a name that outlives the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A mount.
    Mount {
        /// Never used again; `None` before Linux 6.8.
        unique_id: Option<u64>,
        /// The same as long as the mount lives, within one recording.
        key: u64,
        /// As in mountinfo.
        id: u32,
        /// Of its superblock.
        major: u32,
        /// Of its superblock.
        minor: u32,
    },
    /// A filesystem that is being configured.
    Fscontext {
        /// The same as long as it lives, within one recording.
        key: u64,
        /// 0 for a new mount, 1 for a submount, 2 to reconfigure.
        purpose: u32,
    },
    /// A namespace.
    Namespace {
        /// Of its file.
        inode: u32,
    },
}

/// An ancestor of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent<'a> {
    /// 1 is the parent.
    pub generation: u8,
    /// Its process id, initial pid namespace.
    pub pid: u32,
    /// Its name, up to its NUL.
    pub comm: &'a [u8],
}

/// A path, as the names from the file up to the root of its mount namespace; or from a cgroup to the root of its hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// The last name of the path first, a NUL behind each.
    bytes: &'a [u8],
    /// [`Capture::Whole`], or [`Capture::Cut`] where the first names of the path are missing.
    pub capture: Capture,
}

impl<'a> Names<'a> {
    /// The names, the last of the path first.
    pub fn up(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.split(|&byte| byte == 0).filter(|name| !name.is_empty())
    }

    /// Appends the path as bytes; `...` stands for names that are missing.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.capture == Capture::Cut {
            out.extend_from_slice(b"...");
        }
        // A name that is not ended is not whole: no recorder writes such.
        let ended = self.bytes.strip_suffix(b"\0").unwrap_or(self.bytes);
        if self.bytes.is_empty() {
            return out.push(b'/');
        }
        for name in ended.rsplit(|&byte| byte == 0) {
            out.push(b'/');
            out.extend_from_slice(name);
        }
    }
}

impl<'a> Sections<'a> {
    /// What the descriptors among the arguments stand for.
    pub fn identities(self) -> impl Iterator<Item = Identity> {
        self.filter_map(|section| {
            let arg = Some(section.arg).filter(|&arg| arg != layout::ARG_RESULT);
            object(&section).map(|what| Identity { arg, what })
        })
    }

    /// The working directory, where a path is relative to it.
    pub fn cwd(self) -> Option<Names<'a>> {
        self.names(layout::SECTION_CWD)
    }

    /// The root directory of a task that has its own.
    pub fn root(self) -> Option<Names<'a>> {
        self.names(layout::SECTION_ROOT)
    }

    /// The program that a process runs.
    pub fn exe(self) -> Option<Names<'a>> {
        self.names(layout::SECTION_EXE)
    }

    /// The cgroup of a process, up to the root of its hierarchy.
    pub fn cgroup(self) -> Option<Names<'a>> {
        self.names(layout::SECTION_CGROUP)
    }

    /// The ancestors of a process, the nearest first.
    pub fn parents(self) -> impl Iterator<Item = Parent<'a>> {
        self.filter(|section| section.kind == layout::SECTION_PARENT && is_whole(section)).filter_map(
            |section| {
                let comm = section.bytes.get(layout::PARENT_COMM..layout::PARENT_SIZE)?;
                let pid = layout::u32_at(section.bytes, layout::PARENT_PID)?;
                let comm = comm.split(|&byte| byte == 0).next()?;
                Some(Parent { generation: section.arg, pid, comm })
            },
        )
    }

    fn names(mut self, kind: u8) -> Option<Names<'a>> {
        self.find_map(|section| match (section.kind == kind, section.state & !layout::STATE_LATE) {
            (true, layout::STATE_WHOLE) => Some(Names { bytes: section.bytes, capture: Capture::Whole }),
            (true, layout::STATE_CUT) => Some(Names { bytes: section.bytes, capture: Capture::Cut }),
            _ => None,
        })
    }
}

/// What the bytes of a section in another state are, its structure does not say.
fn is_whole(section: &Section<'_>) -> bool {
    section.state & !layout::STATE_LATE == layout::STATE_WHOLE
}

fn object(section: &Section<'_>) -> Option<Object> {
    if !is_whole(section) {
        return None;
    }
    let long = |at| layout::u64_at(section.bytes, at);
    let short = |at| layout::u32_at(section.bytes, at);
    match section.kind {
        layout::SECTION_MOUNT => {
            let dev = short(layout::MOUNT_DEV)?;
            Some(Object::Mount {
                unique_id: long(layout::MOUNT_UNIQUE_ID).filter(|&id| id != 0),
                key: long(layout::MOUNT_KEY)?,
                id: short(layout::MOUNT_ID)?,
                // As the kernel counts: 20 bits for the minor.
                major: dev >> 20,
                minor: dev & 0xf_ffff,
            })
        }
        layout::SECTION_FSCONTEXT if section.bytes.len() >= layout::FSCONTEXT_SIZE => {
            Some(Object::Fscontext {
                key: long(layout::FSCONTEXT_KEY)?,
                purpose: short(layout::FSCONTEXT_PURPOSE)?,
            })
        }
        layout::SECTION_NAMESPACE if section.bytes.len() >= layout::NAMESPACE_SIZE => {
            Some(Object::Namespace { inode: short(layout::NAMESPACE_INODE)? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Event, synth};
    use super::*;

    fn path(bytes: &[u8], state: u8) -> Option<String> {
        let event = synth::enter(13).section(layout::SECTION_CWD, 0, state, bytes).build();
        let mut out = Vec::new();
        Event::decode(&event).unwrap().sections.cwd()?.write(&mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn names_from_the_file_up_make_a_path_from_the_root_down() {
        for (bytes, state, want) in [
            (&b"bin\0usr\0"[..], 0, Some("/usr/bin")),
            (b"usr\0", 0, Some("/usr")),
            (b"", 0, Some("/")),
            (b"c\0b\0", 1, Some(".../b/c")),
            (b"c", 0, Some("/c")),
            (b"\0", 0, Some("/")),
            (b"x\0", 0x80, Some("/x")),
            (b"12345678", 2, None),
            (b"", 3, None),
        ] {
            assert_eq!(path(bytes, state).as_deref(), want, "{bytes:?} {state}");
        }
    }

    #[test]
    fn identities_name_the_argument_or_the_result_and_short_ones_are_none() {
        let event = synth::exit(6)
            .mount(None, 2_147_606_296, 7, 29, 8 << 20 | 1)
            .mount(Some(0), 0, 9, 30, 0)
            .fscontext(Some(1), 77, 2)
            .namespace(Some(2), 4_026_531_840)
            .section(layout::SECTION_MOUNT, 3, 0, &[0; layout::MOUNT_SIZE - 1])
            .section(layout::SECTION_FSCONTEXT, 3, 0, &[0; layout::FSCONTEXT_SIZE - 1])
            .section(layout::SECTION_NAMESPACE, 3, 0, &[1; layout::NAMESPACE_SIZE - 1])
            .section(layout::SECTION_NAMESPACE, 4, layout::STATE_FAULT, &[1; 8])
            .build();
        let got: Vec<Identity> = Event::decode(&event).unwrap().sections.identities().collect();
        let mount = |unique_id, key, id, major, minor| Object::Mount { unique_id, key, id, major, minor };
        let want = [
            (None, mount(Some(2_147_606_296), 7, 29, 8, 1)),
            (Some(0), mount(None, 9, 30, 0, 0)),
            (Some(1), Object::Fscontext { key: 77, purpose: 2 }),
            (Some(2), Object::Namespace { inode: 4_026_531_840 }),
        ];
        assert_eq!(got, want.map(|(arg, what)| Identity { arg, what }));
    }

    #[test]
    fn a_process_has_a_program_and_ancestors() {
        let event =
            synth::process().exe(b"sh\0bin\0").parent(1, 10, b"0123456789abcdef").parent(2, 1, b"init");
        let event = event.section(layout::SECTION_PARENT, 3, 0, b"short").build();
        let sections = Event::decode(&event).unwrap().sections;
        let got: Vec<_> = sections.parents().map(|p| (p.generation, p.pid, p.comm)).collect();
        assert_eq!(got, [(1, 10, &b"0123456789abcdef"[..]), (2, 1, b"init")]);
        let mut out = Vec::new();
        sections.exe().unwrap().write(&mut out);
        assert_eq!(out, b"/bin/sh");
    }
}
