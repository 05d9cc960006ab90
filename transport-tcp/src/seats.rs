//! How many connections each address has at a listener.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) struct Seats {
    limit: usize,
    // As many entries as there are connections, at most.
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address; gives its place back when dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    pub(crate) fn new(limit: usize) -> Arc<Seats> {
        Arc::new(Seats {
            limit,
            taken: Mutex::default(),
        })
    }

    /// A place for one more connection of `address`; `None` if it has all it may have.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        // The same machine, whether it came by IPv4 or by IPv4 in IPv6's clothes.
        let address = address.to_canonical();
        let mut taken = self.taken.lock();
        let count = taken.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Seat {
            seats: self.clone(),
            address,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_given_back() {
        let seats = Seats::new(2);
        let (one, other): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        let first = seats.take(one).unwrap();
        let mapped = seats.take("::ffff:127.0.0.1".parse().unwrap()).unwrap();
        assert!(seats.take(one).is_none());
        let third = seats.take(other).unwrap();
        drop(first);
        let again = seats.take(one).unwrap();
        assert!(seats.take(one).is_none());
        drop((mapped, third, again));
        assert!(seats.taken.lock().is_empty());
    }
}
