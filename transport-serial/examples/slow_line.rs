//! A bad serial line: 115,200 baud, one byte in 10,000 damaged. What arrives, how fast, and how long a small message
//! waits while another channel fills the line. `slow_line [BAUD [ONE_IN]]`.

#[cfg(not(all(target_os = "linux", feature = "line")))]
fn main() {
    println!("needs Linux and the feature `line`");
}

#[cfg(all(target_os = "linux", feature = "line"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::num::NonZeroU32;
    use std::thread;
    use std::time::{Duration, Instant};

    use channel::{Domain, Endpoint};
    use transport_serial::Serial;
    use transport_serial::line::{End, Line, LineConfig};

    /// For so long the line is filled.
    const SECONDS: u32 = 8;

    let mut arguments = std::env::args().skip(1).map(|number| number.parse::<u32>());
    let baud = arguments.next().transpose()?.unwrap_or(115_200);
    let one_in = arguments.next().transpose()?.unwrap_or(10_000);
    let line = Line::open(LineConfig {
        baud: NonZeroU32::new(baud),
        damage: NonZeroU32::new(one_in),
        ..LineConfig::default()
    })?;
    let broker = |name| {
        let domain = Domain::new();
        domain.add(Serial::new());
        domain.broker(name)
    };
    let at = |end| -> Result<Endpoint, _> {
        format!("serial://{}?baud={baud}", line.path(end).display()).parse()
    };
    let server = broker("server")?;
    server.listen(&at(End::A)?)?;
    let client = broker("client")?;
    let to = at(End::B)?;

    // An echo, for the small messages.
    let echo = server.clone();
    thread::spawn(move || {
        let channel = echo.accept(2).expect("a client");
        let (mut reader, mut writer) = channel.split();
        std::io::copy(&mut reader, &mut writer)
    });
    let mut small = client.connect_at(&to, 2, None)?;
    let mut turn = move || -> Result<Duration, Box<dyn std::error::Error>> {
        let start = Instant::now();
        small.write_all(b"a message of 16 b")?;
        small.read_exact(&mut [0; 17])?;
        Ok(start.elapsed())
    };
    let quiet = turn()?;

    let bytes: Vec<u8> = (0..baud / 10 * SECONDS).map(|i| (i % 251) as u8).collect();
    let sent = bytes.clone();
    let start = Instant::now();
    let bulk = thread::spawn(move || {
        let mut bulk = client.connect_at(&to, 1, None).expect("the server accepts");
        bulk.write_all(&sent).expect("the server reads on");
        bulk.close()
    });
    let mut bulk_in = server.accept(1)?;
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut bulk_in, &mut all).map(|_| all)
    });
    let mut busy = Vec::new();
    while !reading.is_finished() {
        busy.push(turn()?);
        thread::sleep(Duration::from_millis(50));
    }
    let arrived = reading.join().expect("it does not panic")?;
    let took = start.elapsed().as_secs_f64();
    let receipt = bulk.join().expect("it does not panic");
    assert!(arrived == bytes, "not what was sent");

    let rate = arrived.len() as f64 / took;
    let line_rate = f64::from(baud) / 10.0;
    let traffic = line.traffic(End::B);
    println!("{baud} baud, one byte in {one_in} damaged:");
    println!(
        "  {} bytes arrived, as they were sent ({receipt:?})",
        arrived.len()
    );
    println!(
        "  {} bytes on the line, {} of them damaged",
        traffic.bytes, traffic.damaged
    );
    println!(
        "  goodput {rate:.0} bytes/s, {:.3} of the line rate",
        rate / line_rate
    );
    busy.sort();
    println!(
        "  a small message there and back: {quiet:.1?} on the quiet line; on the full one {:.1?} (half of them), at most {:.1?}",
        busy[busy.len() / 2],
        busy[busy.len() - 1]
    );
    Ok(())
}
