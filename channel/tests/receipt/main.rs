//! The close receipt: the same scenarios over memory, where it is native, and over a socket, where
//! records carry it.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../third_party/unix.rs"]
mod unix;

mod finish_after;
mod idle;
mod killed;
mod outcomes;
mod races;
mod third_thread;
mod waiting;
mod world;
