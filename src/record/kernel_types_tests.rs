//! The copy beside the kernel's own description, both as libbpf reads them.

use std::collections::BTreeMap;

use libbpf_rs::HasSize;
use libbpf_rs::btf::types::{Composite, Enum, MemberAttr};
use libbpf_rs::btf::{Btf, BtfType, TypeId};

use super::*;

/// What a program can ask of a type: where each member is that it reaches by value, and how large.
fn members(btf: &Btf<'_>, id: TypeId, path: &str, at: u32, into: &mut BTreeMap<String, (u32, usize)>) {
    let Some(found) = btf.type_by_id::<BtfType<'_>>(id) else { return };
    let Ok(compound) = Composite::try_from(found.skip_mods_and_typedefs()) else { return };
    for member in compound.iter() {
        let name = member.name.map(|name| name.to_string_lossy()).unwrap_or_default();
        let (offset, bits) = match member.attr {
            MemberAttr::Normal { offset } => (offset, 0),
            MemberAttr::BitField { size, offset } => (offset, usize::from(size)),
        };
        let path = format!("{path}.{name}");
        into.insert(path.clone(), (at + offset, bits));
        members(btf, member.ty, &path, at + offset, into);
    }
}

fn all_named<'a>(btf: &'a Btf<'_>, name: &str) -> Vec<Composite<'a>> {
    let named = btf.type_by_kind::<Composite<'_>>().filter(|found| found.name().is_some_and(|is| is == name));
    named.collect()
}

fn btf_of(bytes: &[u8]) -> Btf<'static> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it can be written to");
    Btf::from_path(file.path()).expect("libbpf reads the copy")
}

#[test]
fn the_copy_says_of_each_struct_what_the_kernel_says() {
    let whole = Btf::from_vmlinux().expect("the kernel's types");
    let copy =
        btf_of(&KernelTypes::here().unwrap().only(&["task_struct", "mount___unique", "upid"]).unwrap());

    for (name, has) in [
        ("task_struct", Some(".nsproxy")),
        ("mount", Some(".mnt.mnt_sb")),
        ("upid", Some(".ns")),
        // Not asked for, and only pointed to by those.
        ("mnt_namespace", None),
    ] {
        let [expected, found] = [&whole, &copy].map(|btf| {
            let each = all_named(btf, name).into_iter().map(|compound| {
                let mut into = BTreeMap::new();
                members(btf, compound.type_id(), "", 0, &mut into);
                (compound.size(), into)
            });
            each.collect::<Vec<_>>()
        });
        match has {
            Some(member) => {
                assert_eq!(found, expected, "{name}");
                assert!(found.iter().any(|(_, all)| all.contains_key(member)), "{name} has no {member}");
            }
            None => assert_eq!(found, [], "{name}"),
        }
    }
    assert!(copy.len() * 20 < whole.len(), "{} types of {}", copy.len(), whole.len());
}

#[test]
fn enums_keep_their_values() {
    let whole = Btf::from_vmlinux().expect("the kernel's types");
    let copy = btf_of(&KernelTypes::here().unwrap().only(&["bpf_func_id"]).unwrap());
    let [expected, found] = [&whole, &copy].map(|btf| {
        let found: Enum<'_> = btf.type_by_name("bpf_func_id").expect("the helpers' numbers");
        found.iter().map(|value| format!("{:?} {}", value.name, value.value)).collect::<Vec<_>>()
    });
    assert_eq!(found, expected);
    assert!(found.len() > 100, "{found:?}");
}

#[test]
fn functions_and_numbers_are_those_that_libbpf_finds() {
    use libbpf_rs::btf::types::{Func, Struct};

    let (whole, types) = (Btf::from_vmlinux().expect("the kernel's types"), KernelTypes::here().unwrap());
    let task: Struct<'_> = whole.type_by_name("task_struct").expect("struct task_struct");
    assert_eq!(types.number_of_struct("task_struct"), Some(u32::from(task.type_id())));
    assert_eq!(types.number_of_struct("no such struct"), None);
    for name in ["ksys_umount", "bpf_rdonly_cast", "no_such_function"] {
        let expected = whole.type_by_name::<Func<'_>>(name).is_some();
        assert_eq!(types.functions().any(|(function, _)| function == name), expected, "{name}");
    }
}

#[test]
fn what_is_cut_or_damaged_is_refused_or_read_and_no_more() {
    let sound = KernelTypes::here().unwrap().only(&["upid", "bpf_func_id"]).unwrap();
    assert!(KernelTypes::read(sound.clone()).is_some());
    for len in 0..HEADER {
        assert!(KernelTypes::read(sound[..len].to_vec()).is_none(), "{len} bytes of a header");
    }
    // Whatever is wrong, this ends; strings that are cut off make a copy impossible.
    for len in (HEADER..sound.len()).step_by(7) {
        let cut =
            KernelTypes::read(sound[..len].to_vec()).and_then(|types| types.only(&["upid", "bpf_func_id"]));
        assert_eq!(cut, None, "{len} bytes of {}", sound.len());
    }
    for at in 0..sound.len().min(4096) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0xFF;
        if let Some(types) = KernelTypes::read(damaged) {
            let copy = types.only(&["upid", "bpf_func_id"]);
            assert!(copy.is_none_or(|copy| copy.len() < 4 * sound.len()), "byte {at}");
        }
    }
}
