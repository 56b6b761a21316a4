//! The signals that a recording listens to. Must not know what they lead to.

use std::sync::mpsc::SyncSender;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};

use super::{Message, rights};

/// Hands on what asks to stop, and `others`. Whoever asks to stop a second time is impatient, and ends the process.
pub(super) fn watch(out: SyncSender<Message>, others: &[i32]) -> Result<()> {
    let all = [SIGINT, SIGTERM, SIGXFSZ].iter().chain(others);
    let mut signals = signal_hook::iterator::Signals::new(all).context("failed to watch for signals")?;
    std::thread::spawn(move || {
        rights::keep_none();
        let mut asked = false;
        for signal in signals.forever() {
            if signal == SIGXFSZ {
                // The write that went too far has failed, too, and whoever wrote will say so.
                continue;
            }
            let stops = matches!(signal, SIGINT | SIGTERM);
            if stops && asked {
                // Somebody is impatient: the file is readable as it stands, only not closed.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            asked |= stops;
            if out.send(Message::Signal(signal)).is_err() {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(())
}
