//! Detaching without anybody waiting for it. The kernel takes up to 70 ms for each tracepoint, one after the other, and the
//! last process that holds a link has to wait. So links are handed to a child, which outlives us and waits in our place.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use libbpf_rs::Link;
use rustix::io::{FdFlags, fcntl_setfd};

/// Marks the child; its value means nothing.
const HOLD: &str = "MOUNTSNOOP_HOLDS_LINKS";
/// Fewer are detached as fast as a child is started.
const FEW: usize = 4;

/// Drops the links. The programs behind them must have been told to do nothing.
pub(super) fn detach_later(links: Vec<Link>) {
    if links.len() > FEW && links.iter().all(|link| fcntl_setfd(link.as_fd(), FdFlags::empty()).is_ok()) {
        let mut child = Command::new("/proc/self/exe");
        // It must not keep our own streams open: somebody may be waiting for their end.
        child.env(HOLD, "1").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(mut child) = child.spawn() {
            // Closed when we exit, which tells the child to exit too.
            std::mem::forget(child.stdin.take());
        }
    }
    drop(links);
}

/// In the child: holds what it has inherited until its parent has gone. Returns false in any other process.
pub fn held() -> bool {
    if std::env::var_os(HOLD).is_none() {
        return false;
    }
    // Whatever comes or fails, the end of it is the end of the parent.
    let _ = std::io::stdin().read(&mut [0]);
    true
}
