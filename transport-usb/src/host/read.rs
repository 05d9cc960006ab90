//! Reads what a device says about itself.

#[cfg(not(target_os = "linux"))]
pub(super) use from_device::read;
#[cfg(target_os = "linux")]
pub(super) use from_system::{present, read};

/// A device may say anything, and what it says is printed on terminals.
fn clean(text: &str) -> String {
    let tame = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.trim_end_matches('\n').chars().map(tame).collect()
}

/// Linux has read all of it when the device was plugged in: no permission is needed, and nothing goes over the bus.
#[cfg(target_os = "linux")]
mod from_system {
    use std::fs;
    use std::path::Path;

    use rusb::{Context, Device};

    use super::clean;
    use crate::host::descriptors::interfaces;
    use crate::host::list::Speed;
    use crate::host::seen::Seen;

    /// Where the system shows its devices.
    const ALL: &str = "/sys/bus/usb/devices";

    /// A device's own descriptor, before its configurations.
    const OWN: usize = 18;

    /// `None`: it has left.
    pub(in crate::host) fn read(
        device: &Device<Context>,
        ids: (u16, u16),
        path: String,
    ) -> Option<Seen> {
        let all = Path::new(ALL);
        read_at(
            all,
            device.bus_number(),
            device.address(),
            device.speed().into(),
            ids,
            path,
        )
    }

    /// The paths of all devices, and their numbers on their buses, sorted; `None`: they cannot be had.
    pub(in crate::host) fn present() -> Option<Vec<(String, u8)>> {
        present_at(Path::new(ALL))
    }

    fn present_at(all: &Path) -> Option<Vec<(String, u8)>> {
        let devices = all.read_dir().ok()?.flatten().filter_map(|folder| {
            let name = folder.file_name().into_string().ok()?;
            // Not a root hub, nor an interface.
            if !name.contains('-') || name.contains(':') {
                return None;
            }
            let number = fs::read_to_string(folder.path().join("devnum")).ok()?;
            Some((name, number.trim().parse().ok()?))
        });
        let mut devices: Vec<(String, u8)> = devices.collect();
        devices.sort();
        Some(devices)
    }

    fn read_at(
        all: &Path,
        bus: u8,
        number: u8,
        speed: Speed,
        ids: (u16, u16),
        path: String,
    ) -> Option<Seen> {
        let folder = all.join(&path);
        let text = |name: &str| {
            let bytes = fs::read(folder.join(name)).ok()?;
            Some(clean(&String::from_utf8_lossy(&bytes))).filter(|text| !text.is_empty())
        };
        // Another device may be there by now.
        if text("devnum")? != number.to_string() {
            return None;
        }
        let configuration = text("bConfigurationValue").and_then(|number| number.parse().ok());
        let found = configuration.map(|configuration: u8| {
            let bytes = fs::read(folder.join("descriptors")).unwrap_or_default();
            let mut found = interfaces(bytes.get(OWN..).unwrap_or_default(), configuration)?;
            for interface in found.iter_mut().filter(|i| i.string != 0) {
                let of = interface.number;
                interface.name = text(&format!("{path}:{configuration}.{of}/interface"));
            }
            Ok(found)
        });
        Some(Seen {
            ids,
            bus,
            number,
            speed,
            serial: text("serial"),
            manufacturer: text("manufacturer"),
            product: text("product"),
            interfaces: found,
            path,
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::host::descriptors::tests::{configuration, endpoint, interface};

        fn read_made(all: &Path, number: u8) -> Option<Seen> {
            read_at(
                all,
                1,
                number,
                Speed::High,
                (0x1d6b, 0x0104),
                "1-2".to_owned(),
            )
        }

        #[test]
        fn what_the_system_has_read_is_found() {
            let all = tempfile::tempdir().unwrap();
            let folder = all.path().join("1-2");
            fs::create_dir_all(folder.join("1-2:1.0")).unwrap();
            let put = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
            put("devnum", b"5\n");
            put("serial", b"a\x1b[31m b\n");
            put("bConfigurationValue", b"\n");
            let seen = read_made(all.path(), 5).unwrap();
            assert_eq!(seen.interfaces, None);
            assert_eq!(seen.serial.as_deref(), Some("a\u{fffd}[31m b"));
            assert_eq!(seen.product, None);

            let mut bytes = vec![0; OWN];
            let parts = [interface(0, [0xff, 0x43, 1], 4), endpoint(0x81, 2, 512)];
            bytes.extend(configuration(1, &[&parts[0], &parts[1]]));
            put("descriptors", &bytes);
            put("bConfigurationValue", b"1\n");
            let seen = read_made(all.path(), 5).unwrap();
            // Its name is not there yet.
            assert!(!seen.is_settled());
            put("1-2:1.0/interface", b"channel-link camera\n");
            let seen = read_made(all.path(), 5).unwrap();
            assert!(seen.is_settled());
            let interfaces = seen.interfaces.unwrap().unwrap();
            assert_eq!(interfaces[0].gadget(), Some("camera"));

            put("descriptors", &bytes[..OWN + 20]);
            let seen = read_made(all.path(), 5).unwrap();
            assert!(seen.interfaces.unwrap().is_err());
            // Plugged in anew.
            assert_eq!(read_made(all.path(), 6), None);
        }

        #[test]
        fn root_hubs_and_interfaces_are_no_devices() {
            let all = tempfile::tempdir().unwrap();
            assert_eq!(present_at(&all.path().join("none")), None);
            for (name, number) in [("2-1.4", "7\n"), ("usb1", "1\n"), ("1-1", "2\n")] {
                fs::create_dir(all.path().join(name)).unwrap();
                fs::write(all.path().join(name).join("devnum"), number).unwrap();
            }
            fs::create_dir(all.path().join("1-1:1.0")).unwrap();
            let devices = [("1-1".to_owned(), 2), ("2-1.4".to_owned(), 7)];
            assert_eq!(present_at(all.path()).unwrap(), devices);
        }
    }
}

/// Elsewhere it is asked.
#[cfg(not(target_os = "linux"))]
mod from_device {
    use std::time::Duration;

    use rusb::{Context, Device, DeviceHandle};

    use super::clean;
    use crate::host::descriptors::{Interface, interfaces};
    use crate::host::seen::Seen;

    /// For one answer.
    const LIMIT: Duration = Duration::from_millis(500);
    /// GET_DESCRIPTOR of the standard, to the device.
    const GET: (u8, u8) = (0x80, 6);
    const CONFIGURATION: u16 = 2 << 8;

    /// `None`: it has left. Of one that may not be opened, less is known.
    pub(in crate::host) fn read(
        device: &Device<Context>,
        ids: (u16, u16),
        path: String,
    ) -> Option<Seen> {
        let own = device.device_descriptor().ok()?;
        let handle = device.open().ok();
        let text = |index: Option<u8>| {
            let handle = handle.as_ref()?;
            let language = *handle.read_languages(LIMIT).ok()?.first()?;
            let text = handle.read_string_descriptor(language, index?, LIMIT);
            text.ok()
                .map(|text| clean(&text))
                .filter(|text| !text.is_empty())
        };
        let number = handle
            .as_ref()
            .and_then(|handle| handle.active_configuration().ok());
        let found = number
            .filter(|number| *number != 0)
            .zip(handle.as_ref())
            .map(|(number, handle)| {
                let of: Vec<u8> = (0..own.num_configurations())
                    .flat_map(|index| configuration(handle, index))
                    .collect();
                let mut found: Vec<Interface> = interfaces(&of, number)?;
                for interface in found.iter_mut().filter(|interface| interface.string != 0) {
                    interface.name = text(Some(interface.string));
                }
                Ok(found)
            });
        Some(Seen {
            ids,
            bus: device.bus_number(),
            number: device.address(),
            speed: device.speed().into(),
            serial: text(own.serial_number_string_index()),
            manufacturer: text(own.manufacturer_string_index()),
            product: text(own.product_string_index()),
            interfaces: found,
            path,
        })
    }

    /// The bytes of a configuration.
    fn configuration(handle: &DeviceHandle<Context>, index: u8) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let (kind, request) = GET;
        let value = CONFIGURATION | u16::from(index);
        let read = handle.read_control(kind, request, value, 0, &mut bytes, LIMIT);
        bytes.truncate(read.unwrap_or(0));
        bytes
    }
}
