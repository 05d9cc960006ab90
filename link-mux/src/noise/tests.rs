//! Tests of the layer: two ends and a line with virtual time.

mod laws;
mod packets;
mod peers;
mod sessions;
mod speed;
mod timing;
mod world;
