//! Opens 100,000 channels with buffers of 256 bytes, uses every one, and prints what that took.
//!
//! `cargo run --release -p channel --example many_channels [HOW_MANY]`

use std::time::Instant;

use channel::{Channel, Domain, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 100_000,
    };
    let domain = Domain::new();
    let options = Options::new().with_capacity(256);
    let server = domain.broker_with("server", options.clone())?;
    let client = domain.broker_with("client", options)?;
    let before = resident();

    let start = Instant::now();
    let mut acceptor = server.acceptor(1);
    let (mut accepted, mut connected) = (Vec::new(), Vec::<Channel>::new());
    for _ in 0..count {
        // In the line, so that the connect finds somebody: one thread plays both sides.
        if let Ok(unexpected) = acceptor.try_accept() {
            return Err(format!("nobody connected yet, but {unexpected:?}").into());
        }
        connected.push(client.try_connect("server", 1)?);
        accepted.push(acceptor.try_accept()?);
    }
    println!(
        "{count} channels of 256 bytes each way opened in {:.2} s",
        start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    for (number, channel) in (0u64..).zip(&mut connected) {
        channel.write_all(&number.to_be_bytes())?;
    }
    let mut sum = 0;
    for channel in &mut accepted {
        let mut number = [0; 8];
        channel.read_exact(&mut number)?;
        sum += u64::from_be_bytes(number);
    }
    assert_eq!(sum, (0..count as u64).sum(), "every number arrived once");
    println!(
        "a number sent through each in {:.2} s",
        start.elapsed().as_secs_f64()
    );
    if let (Some(before), Some(after)) = (before, resident()) {
        let more = after.saturating_sub(before);
        println!(
            "resident memory: {:.0} MB more, {} bytes a channel, buffers included",
            more as f64 / 1e6,
            more / count.max(1)
        );
    }

    let start = Instant::now();
    drop((connected, accepted));
    println!("closed in {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Bytes of memory that the process holds, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}
