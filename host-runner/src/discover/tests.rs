use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::ports::{has_hardware, stable_name};
use super::*;
use crate::inventory::{Inventory, Link, SerialPort};

fn probe(selector: &str, name: &str) -> Probe {
    let mut parts = selector.splitn(3, ':');
    let mut id = || {
        let word = parts.next().expect("an id");
        u16::from_str_radix(word.split('-').next().unwrap_or(word), 16).expect("hexadecimal")
    };
    let (vendor, product) = (id(), id());
    Probe {
        selector: selector.into(),
        name: name.into(),
        speaks: "CMSIS-DAP".into(),
        vendor,
        product,
        serial: parts.next().map(str::to_owned),
        accessible: true,
    }
}

fn port(path: &str, name: Option<&str>) -> Port {
    Port {
        path: path.into(),
        device: "/dev/ttyACM0".into(),
        name: name.map(str::to_owned),
        usb: None,
        serial: None,
        accessible: true,
    }
}

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
}

#[test]
fn a_selector_means_what_it_names_and_no_more() {
    let pico = probe("2e8a:000c:E661", "Debugprobe on Pico (CMSIS-DAP)");
    for selector in ["2e8a:000c", "2E8A:c:E661", "2e8a:000c:E661"] {
        assert!(pico.is_meant_by(selector), "{selector}");
    }
    for selector in [
        "2e8a:000d",
        "2e8a:000c:E662",
        "2e8a:000c-1",
        "2e8a:000c:",
        "nonsense",
        "",
    ] {
        assert!(!pico.is_meant_by(selector), "{selector}");
    }
    let second = probe("0403:6010-1:A", "FTDI");
    assert!(second.is_meant_by("0403:6010-1:A") && second.is_meant_by("0403:6010"));
    assert!(!second.is_meant_by("0403:6010-0:A"));
    let nameless = probe("0403:6010", "FTDI");
    assert!(nameless.is_meant_by("0403:6010:") && !nameless.is_meant_by("0403:6010:A"));
}

#[test]
fn probes_in_the_network_are_told_from_serial_numbers() {
    let address = network_address("1d50:6018:127.0.0.1:1234");
    assert_eq!(address, "127.0.0.1:1234".parse().ok());
    for selector in [
        "1d50:6018:E661",
        "1d50:6018",
        "2e8a:000c:127.0.0.1:1",
        "1d50:6018:a:b",
    ] {
        assert_eq!(network_address(selector), None, "{selector}");
    }
}

#[test]
fn listing_takes_what_a_machine_has_and_ends() {
    // What is attached here is unknown; that it can be asked, and answers in time, is not.
    match probes(core::time::Duration::from_secs(20)) {
        Ok(probes) => {
            for probe in &probes {
                assert!(probe.is_meant_by(&probe.selector), "{probe:?}");
            }
        }
        Err(error) => assert_eq!(error, ListError::Failed),
    }
    for port in ports().unwrap_or_default() {
        assert!(port.path.exists(), "{port:?}");
    }
}

#[test]
fn no_two_boards_get_the_same_name_and_every_one_fits_a_bare_key() {
    let mut names = Names::default();
    let devices = [
        "STLink-V3 (VCP)",
        "STLink-V3 (VCP)",
        "STLink-V3 (VCP)",
        "STLink V3 VCP 2",
        "",
        "\u{1b}[31m…\n",
        "a name that goes on and on and on and never ends",
    ];
    let mut made = Vec::new();
    for device in devices {
        let text = of_port(&port("/dev/x", Some(device)), &mut names);
        let name = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("[board."))
            .and_then(|line| line.strip_suffix(']'))
            .expect("a heading")
            .to_owned();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && name.len() <= 36,
            "{name}"
        );
        made.push(name);
    }
    assert_eq!(made[0], "stlink-v3-vcp");
    assert_eq!(made[4], "serial");
    let different: std::collections::BTreeSet<_> = made.iter().collect();
    assert_eq!(different.len(), made.len(), "{made:?}");
}

#[test]
fn a_table_holds_whatever_a_device_calls_itself() {
    let serial = "q\"uo\\te\u{7}";
    let mut names = Names::default();
    let text = of_probe(&probe(&format!("2e8a:000c:{serial}"), "x"), &mut names)
        + &of_port(&port("/dev/serial/by-id/a b'\"c", None), &mut names);
    let table: toml::Table = text.parse().expect("TOML");
    let probe = &table["board"]["x"]["link"]["rtt"]["probe"];
    assert_eq!(probe.as_str(), Some(&*format!("2e8a:000c:{serial}")));
    let port = &table["board"]["serial"]["link"]["serial"]["port"];
    assert_eq!(port.as_str(), Some("/dev/serial/by-id/a b'\"c"));
}

#[test]
fn the_loader_takes_every_table_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("boards.toml");
    let mut names = Names::default();
    let probes = [
        probe("2e8a:000c:E661", "Debugprobe on Pico (CMSIS-DAP)"),
        probe("0403:6010-1:FT\"5", "Dual RS232-HS"),
        probe("1366:0101", "J-Link"),
    ];
    let ports = [
        port("/dev/serial/by-id/usb-FTDI_x-if00", Some("FT232R USB UART")),
        port("/dev/ttyS0", None),
    ];
    let mut text: String = probes
        .iter()
        .map(|probe| of_probe(probe, &mut names))
        .collect();
    text.extend(ports.iter().map(|port| of_port(port, &mut names)));
    fs::write(&file, &text).expect("a file");
    let inventory =
        Inventory::load(&file).unwrap_or_else(|error| panic!("{text}{}", error.render(false)));
    assert_eq!(inventory.boards.len(), probes.len() + ports.len());
    for probe in &probes {
        let meant = inventory.boards.iter().any(|board| {
            board.links.iter().any(|link| match link {
                Link::Rtt { attachment } => attachment.probe.as_ref() == Some(&probe.selector),
                _ => false,
            })
        });
        assert!(meant, "{probe:?}");
    }
    for port in &ports {
        let meant = inventory.boards.iter().any(|board| {
            board.links.iter().any(|link| match link {
                Link::Port(SerialPort {
                    port: path, baud, ..
                }) => *path == port.path && *baud == 115_200,
                _ => false,
            })
        });
        assert!(meant, "{port:?}");
    }
}

#[test]
fn finds_the_nodes_of_a_usb_device() {
    let machine = tempfile::tempdir().expect("a directory");
    let sys = machine.path();
    let device = sys.join("bus/usb/devices/1-2");
    for (file, text) in [
        ("idVendor", "2e8a\n"),
        ("idProduct", "000c\n"),
        ("serial", "E661\n"),
        ("busnum", "1\n"),
        ("devnum", "7\n"),
        ("1-2:1.0/0003:2E8A:000C.0001/hidraw/hidraw3/dev", "1:2\n"),
        ("1-2:1.1/tty/ttyACM0/dev", "1:2\n"),
    ] {
        write(device.join(file), text);
    }
    let expected = ["/dev/bus/usb/001/007", "/dev/hidraw3", "/dev/ttyACM0"].map(PathBuf::from);
    assert_eq!(nodes(sys, 0x2e8a, 0x000c, Some("E661")), expected);
    assert_eq!(nodes(sys, 0x2e8a, 0x000c, None), expected);
    assert!(nodes(sys, 0x2e8a, 0x000c, Some("E662")).is_empty());
    assert!(nodes(sys, 0x2e8a, 0x000d, None).is_empty());
    assert!(nodes(Path::new("/no/such/place"), 0x2e8a, 0x000c, None).is_empty());
}

#[test]
fn finds_who_has_a_file_open() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let proc = Path::new("/proc");
    let own = holders(proc, &[file.path().to_path_buf()]);
    assert!(
        own.iter().any(|holder| holder.pid == std::process::id()),
        "{own:?}"
    );
    let path = file.into_temp_path();
    assert!(holders(proc, &[path.to_path_buf()]).is_empty());
}

#[test]
fn tells_uarts_from_nodes_without_one_and_finds_stable_names() {
    let machine = tempfile::tempdir().expect("a directory");
    let root = machine.path();
    write(root.join("class/ttyS0/type"), "4\n");
    write(root.join("class/ttyS9/type"), "0\n");
    write(root.join("class/ttyACM0/dev"), "166:0\n");
    let class = root.join("class");
    assert!(has_hardware(&class, Path::new("/dev/ttyS0")));
    assert!(!has_hardware(&class, Path::new("/dev/ttyS9")));
    assert!(has_hardware(&class, Path::new("/dev/ttyACM0")));

    write(root.join("dev/ttyACM0"), "");
    fs::create_dir(root.join("dev/by-id")).expect("a directory");
    let stable = root.join("dev/by-id/usb-Somebody_Something_E661-if00");
    symlink("../ttyACM0", &stable).expect("a link");
    symlink("../ttyACM7", root.join("dev/by-id/gone")).expect("a link");
    let by_id = root.join("dev/by-id");
    assert_eq!(stable_name(&by_id, &root.join("dev/ttyACM0")), Some(stable));
    write(root.join("dev/ttyACM1"), "");
    assert_eq!(stable_name(&by_id, &root.join("dev/ttyACM1")), None);
    assert_eq!(
        stable_name(Path::new("/no/such/place"), &root.join("dev/ttyACM0")),
        None
    );
}

#[test]
fn finds_chips_by_a_part_of_their_name() {
    let found = chips::search("nrf52840_XX");
    assert_eq!(found, ["nRF52840_xxAA"]);
    assert!(chips::search("no such chip").is_empty());
    assert!(chips::search("").len() > 1000);
}
