//! Tests of the layer: two ends and a line with virtual time.

mod laws;
mod loss;
mod packets;
mod peers;
mod played;
mod sessions;
mod speed;
mod timing;
mod wire;
mod world;
