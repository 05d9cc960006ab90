//! Tests of the layer: two ends and a line with virtual time.

mod laws;
mod packets;
mod speed;
mod world;
