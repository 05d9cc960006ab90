//! What the tests over a cable in memory share.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod event;
pub mod hand;
pub mod memory;
pub mod random;
pub mod strike;
