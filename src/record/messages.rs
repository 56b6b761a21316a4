//! What libbpf has to say about a failure, kept until somebody asks. A verifier's log runs to megabytes; what matters are
//! its last lines.

use std::sync::Mutex;

use libbpf_rs::PrintLevel;

/// libbpf's own words. It takes a plain function, so the text has to go through a static.
pub(super) struct Messages;

static MESSAGES: Mutex<String> = Mutex::new(String::new());

/// Lines kept, from the end.
const LINES: usize = 12;

impl Messages {
    /// From now on they are kept instead of printed.
    pub(super) fn collect() {
        fn keep(_: PrintLevel, text: String) {
            if let Ok(mut all) = MESSAGES.lock() {
                all.push_str(&text);
                let lines: Vec<&str> = all.lines().collect();
                let from = lines.len().saturating_sub(LINES);
                *all = lines.get(from..).unwrap_or_default().join("\n") + "\n";
            }
        }
        libbpf_rs::set_print(Some((PrintLevel::Warn, keep)));
    }

    /// All that was said since the last time, on lines of its own.
    pub(super) fn take() -> String {
        let text = MESSAGES.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
        if text.is_empty() { text } else { format!("\n{}", text.trim_end()) }
    }
}
