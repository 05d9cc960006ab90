#![doc = include_str!("../README.md")]

pub mod input;
pub mod targets {
    //! What is fuzzed. Each `run` panics, or is stopped by a sanitizer, if a promise is broken.

    pub mod endpoint;
    pub mod hello;
    pub mod message;
    pub mod mux_receive;
    pub mod noise_decode;
    pub mod record;
    pub mod region;
}
