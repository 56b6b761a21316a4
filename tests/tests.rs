//! The tests that look from outside: at the program, at the files it writes, at the source tree.

mod damage;
mod fixtures;
mod layers;
