//! A third party's transport, given from outside: rendezvous in both orders, cancellation at every
//! stage, and strangers.
#![cfg(unix)]

mod cancel;
mod rendezvous;
mod stage;
mod strangers;
mod unix;
