//! The gadgets of a transport that are set up, so that a program that ends can take them away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use usb_gadget::RegGadget;

/// A gadget, until it is taken away.
#[derive(Debug)]
pub(super) struct Slot(Mutex<Option<RegGadget>>);

/// `None`: the program ends, and no further one is set up.
#[derive(Clone, Debug)]
pub(super) struct Gadgets(Arc<Mutex<Option<Vec<Weak<Slot>>>>>);

impl Default for Gadgets {
    fn default() -> Gadgets {
        Gadgets(Arc::new(Mutex::new(Some(Vec::new()))))
    }
}

impl Gadgets {
    /// Those that are set up. Locked while one is: whoever closes takes that away, too.
    pub(super) fn all(&self) -> MutexGuard<'_, Option<Vec<Weak<Slot>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all of them away; from now on none is set up.
    pub(super) fn close(&self) {
        let all = self.all().take();
        let all = all.into_iter().flatten();
        all.filter_map(|one| one.upgrade())
            .for_each(|one| one.take_away());
    }
}

impl Slot {
    /// Adds a gadget to those that are set up.
    pub(super) fn new(gadget: RegGadget, all: &mut Vec<Weak<Slot>>) -> Arc<Slot> {
        let slot = Arc::new(Slot(Mutex::new(Some(gadget))));
        all.retain(|old| old.strong_count() > 0);
        all.push(Arc::downgrade(&slot));
        slot
    }

    pub(super) fn gadget(&self) -> MutexGuard<'_, Option<RegGadget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_away(&self) {
        if let Some(gadget) = self.gadget().take() {
            let name = gadget.name().to_owned();
            if let Err(error) = gadget.remove() {
                tracing::warn!(target: "transport_usb", gadget = ?name, %error, "the gadget could not be taken away");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use channel::Domain;

    use crate::UsbGadget;

    #[test]
    fn after_its_end_a_program_sets_nothing_up() {
        let gadgets = UsbGadget::new();
        let domain = Domain::new();
        domain.add(gadgets.clone());
        gadgets.close();
        gadgets.close();
        let server = domain.broker("server").unwrap();
        let error = server.listen(&"usb-gadget://camera".parse().unwrap());
        let text = error.unwrap_err().to_string();
        assert!(text.contains("closed"), "{text}");
    }
}
