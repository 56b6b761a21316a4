//! Every integration test, in one binary.

// What records on the running kernel: needs root, and says so where it is not.
#[cfg(feature = "record")]
mod live;
#[cfg(feature = "record")]
mod oracle;
#[cfg(feature = "record")]
mod support;
