//! Numbers as people write and read them.

use std::time::Duration;

/// The longest time that can be given: a day. More is a slip of the finger.
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The factor of each suffix; as in most tools, `k` alone means 1024 too.
const UNITS: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("b", 1),
];

/// `65536`, `64KiB`, `64k`, `1MB`.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)))
        .unwrap_or((&lower, 1));
    let number = number.trim();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err("write a whole number of bytes, such as 65536, 64KiB or 1MiB".into());
    }
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| "that is more bytes than this machine can count".into())
}

/// `5`, `0.5s`, `200ms`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, factor) = if let Some(number) = lower.strip_suffix("ms") {
        (number, 1e-3)
    } else {
        (lower.strip_suffix('s').unwrap_or(&lower), 1.0)
    };
    let usual = || "write a time such as 5, 0.5s or 200ms".to_owned();
    let seconds: f64 = number.trim().parse().map_err(|_| usual())?;
    let time = Duration::try_from_secs_f64(seconds * factor).map_err(|_| usual())?;
    if time > MAX_TIME {
        return Err("the limit is a day (86400)".into());
    }
    Ok(time)
}

/// Bytes in binary units: `64 KiB`; exact where that is short, else three digits.
pub fn size(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// `5 KiB`, or of messages `10 messages (5 KiB)`.
pub fn amount(bytes: u64, messages: Option<u64>) -> String {
    match messages {
        None => size(bytes),
        Some(1) => format!("1 message ({})", size(bytes)),
        Some(messages) => format!("{messages} messages ({})", size(bytes)),
    }
}

/// Bytes per second, in decimal units as networks and disks have it.
pub fn rate(bytes: u64, time: Duration) -> String {
    let per_second = bytes as f64 / time.as_secs_f64().max(1e-9);
    scaled(per_second, 1000.0, &["B/s", "kB/s", "MB/s", "GB/s"])
}

/// A count with three digits: `1.23 M`.
pub fn count(n: f64) -> String {
    scaled(n, 1000.0, &["", "k", "M", "G"])
        .trim_end()
        .to_owned()
}

/// A time with three digits.
pub fn time(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    if nanos >= 1e9 {
        return format!("{} s", digits(nanos / 1e9));
    }
    scaled(nanos, 1000.0, &["ns", "µs", "ms"])
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut at = 0;
    // 999.5 would be printed as 1000 of the smaller unit.
    while value >= step.min(999.5) && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    format!("{} {}", digits(value), units[at])
}

fn digits(value: f64) -> String {
    let text = match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => return format!("{v:.0}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("65536"), Ok(65536));
        assert_eq!(parse_size("64KiB"), Ok(65536));
        assert_eq!(parse_size("64 k"), Ok(65536));
        assert_eq!(parse_size("1MB"), Ok(1_000_000));
        assert_eq!(parse_size("0"), Ok(0));
        for bad in ["", "KiB", "-1", "1.5k", "ten", "1e3", "99999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse_time("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_time("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("200ms"), Ok(Duration::from_millis(200)));
        for bad in ["", "s", "-1", "nan", "inf", "1e30", "soon", "90000"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_written_with_three_digits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(65536), "64 KiB");
        assert_eq!(size(1023), "1 KiB");
        assert_eq!(size(1 << 40), "1 TiB");
        assert_eq!(time(Duration::from_nanos(350)), "350 ns");
        assert_eq!(time(Duration::from_micros(1234)), "1.23 ms");
        assert_eq!(time(Duration::from_secs(90)), "90 s");
        assert_eq!(rate(2_000_000, Duration::from_secs(2)), "1 MB/s");
        assert_eq!(count(1_234_567.0), "1.23 M");
        assert_eq!(count(12.0), "12");
    }
}
