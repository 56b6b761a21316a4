//! Record every mount call of a Linux host with BPF, and replay, summarize and export the trace anywhere.
//!
//! Data flows one way: `record` writes a trace through [`format`](mod@format); [`decode`] turns its event bytes into typed calls;
//! [`assemble`] pairs what belongs together; [`views`] print it. [`tools`] check, mend and merge whole traces. `tests/layers.rs`
//! holds each module to that.
#![deny(missing_docs)]
#![cfg_attr(not(feature = "record"), forbid(unsafe_code))]

pub mod assemble;
pub mod decode;
pub mod filter;
pub mod format;
pub mod layout;
pub mod record;
pub mod tools;
pub mod views;
