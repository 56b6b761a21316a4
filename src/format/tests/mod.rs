//! The module as a whole: what is written is read, and no damage makes the reader lie.

mod ahead;
mod cold;
mod damage;
mod delta;
mod header;
mod hostile;
mod index;
mod mutations;
mod roundtrip;
mod sample;
mod spec;
mod states;
