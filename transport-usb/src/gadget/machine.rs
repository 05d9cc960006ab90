//! What a machine is known by.

/// What tells this machine from others, and stays the same: the board's serial number, or 16 digits made of the
/// machine's id. So many characters at most, and at least 16.
pub(super) fn machine(longest: usize) -> Option<String> {
    if let Ok(board) = std::fs::read("/proc/device-tree/serial-number") {
        let board: String = String::from_utf8_lossy(&board)
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(longest)
            .collect();
        if !board.is_empty() {
            return Some(board);
        }
    }
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| digest(id))
}

/// FNV-1a: half as many bits as a machine's id has, which is not to be known outside of the machine.
fn digest(text: &str) -> String {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_fnv_1a() {
        assert_eq!(digest(""), "cbf29ce484222325");
        assert_eq!(digest("a"), "af63dc4c8601ec8c");
    }

    #[test]
    fn a_machine_is_the_same_each_time() {
        assert_eq!(machine(30), machine(30));
        assert!(machine(30).is_none_or(|machine| (1..=30).contains(&machine.len())));
    }
}
