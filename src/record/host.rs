//! Facts about the host for the head of a trace. What cannot be had stays empty; nothing here fails.

use std::fs;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The file's text without its line end, or an empty string.
fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end().to_string()
}

/// The 16 bytes that 32 hex digits say, with or without dashes.
fn id(text: &str) -> Option<[u8; 16]> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    let mut id = [0; 16];
    for (byte, digits) in id.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(id)
}

/// Identifies this boot; zeros where the kernel does not say.
pub fn boot_id() -> [u8; 16] {
    id(&text("/proc/sys/kernel/random/boot_id")).unwrap_or_default()
}

/// Identifies this host without giving its machine id away, which machine-id(5) asks to keep; zeros where it has none.
pub fn host_id() -> [u8; 16] {
    id(&text("/etc/machine-id")).map(hide).unwrap_or_default()
}

/// The first half of HMAC-SHA256 with the machine id as the key, as machine-id(5) proposes.
fn hide(machine_id: [u8; 16]) -> [u8; 16] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&machine_id) else { return [0; 16] };
    mac.update(b"mountsnoop");
    let mut hidden = [0; 16];
    hidden.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    hidden
}

/// The distribution's name for people, from os-release(5).
pub fn os() -> String {
    let release = ["/etc/os-release", "/usr/lib/os-release"].into_iter().map(text).find(|t| !t.is_empty());
    pretty_name(&release.unwrap_or_default()).unwrap_or_default().to_string()
}

fn pretty_name(release: &str) -> Option<&str> {
    release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches(['"', '\'']))
}

/// CPUs that can ever be there.
pub fn possible_cpus() -> u32 {
    let list = text("/sys/devices/system/cpu/possible");
    let last = list.rsplit([',', '-']).next().and_then(|cpu| cpu.parse::<u32>().ok());
    last.map_or(0, |cpu| cpu + 1)
}

/// Inode of the mount namespace of process 1, if it may be asked for.
pub fn init_mnt_ns() -> Option<u64> {
    let link = fs::read_link("/proc/1/ns/mnt").ok()?;
    link.to_str()?.strip_prefix("mnt:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_with_and_without_dashes() {
        let expected = Some([
            0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
        ]);
        assert_eq!(id("ff001122-3344-5566-7788-99aabbccddee"), expected);
        assert_eq!(id("ff00112233445566778899aabbccddee"), expected);
        assert_eq!(id("ff00"), None);
        assert_eq!(id("zz00112233445566778899aabbccddee"), None);
    }

    #[test]
    fn a_machine_id_is_hidden_as_openssl_would_hide_it() {
        // printf mountsnoop | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f
        let machine_id: [u8; 16] = std::array::from_fn(|i| i as u8);
        let hidden: String = hide(machine_id).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hidden, "c9b272acf5a19bc98935f5a8be8ae5e8");
    }

    #[test]
    fn names_of_distributions_lose_their_quotes() {
        assert_eq!(
            pretty_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(pretty_name("ID=x\n"), None);
    }
}
