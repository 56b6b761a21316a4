//! The mountsnoop command.
fn main() {}
