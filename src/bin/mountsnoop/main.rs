//! The mountsnoop command.
fn main() { mountsnoop::record::spike().unwrap() }
