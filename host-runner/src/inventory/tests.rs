//! Every complaint about a boards.toml, as the user sees it.

use std::fs;
use std::path::Path;

use super::*;
use crate::link::rtt::DebugProtocol;

/// A workspace with one firmware crate and the given boards.toml, loaded; its directory is cut out of the
/// rendering.
fn complaint(text: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(directory.path(), text);
    let error = Inventory::load(&file).expect_err("something is wrong with it");
    let place = format!("{}/", directory.path().display());
    format!("{}\n\n{}", error, error.render(false)).replace(&place, "")
}

fn write(directory: &Path, text: &str) -> PathBuf {
    let firmware = directory.join("target-fw/boards/native-posix");
    fs::create_dir_all(&firmware).expect("directories");
    fs::write(firmware.join("Cargo.toml"), "").expect("a file");
    fs::write(directory.join("Cargo.toml"), "").expect("a file");
    let file = directory.join("boards.toml");
    fs::write(&file, text).expect("a file");
    file
}

macro_rules! complaints {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(complaint($text));
        }
    )*};
}

complaints! {
    no_toml: "default = \"a\"\n[board.a\nkind = \"native\"\n";
    no_board: "# nothing\n";
    unknown_key: "[board.a]\nkind = \"native\"\nfirmwear = \"native-posix\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    unknown_key_at_top: "defualt = \"a\"\n[board.a]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    machine_of_a_native_board: "[board.a]\nkind = \"native\"\nmachine = \"mps2-an385\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    wrong_types: "default = 1\nboard.b = 3\n[board.a]\nkind = true\nfirmware = []\nport = 7\nlan = 1\nrtt_allowance_ms = \"5\"\nlink = \"unix\"\n";
    unknown_kind: "[board.a]\nkind = \"qmeu\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    probe_without_a_link: "[board.a]\nkind = \"probe\"\nmachine = \"x\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    probe_without_a_chip: "[board.a]\nkind = \"probe\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlink.rtt = {}\n\
        [board.b]\nkind = \"probe\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlink.serial = { port = \"x\" }\n";
    probe_that_is_named_wrongly: "[board.a]\nkind = \"probe\"\nfirmware = \"native-posix\"\nport = \"posix\"\n\
        link.rtt = { probe = \"jlink\", chip = 52, chip_description = \"no.yaml\", speed_khz = 0, protocol = \"sdw\", connect_under_reset = 1, core = 0 }\n";
    serial_without_a_port: "[board.a]\nkind = \"serial\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlink.serial = { uart = 0, baud = 1 }\n\
        [board.b]\nkind = \"serial\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlan = \"user\"\npower = 1\n";
    features_of_an_elf: "[board.a]\nkind = \"native\"\nfirmware = { elf = \"x\" }\nfeatures = [\"a\"]\nport = \"posix\"\n\
        [board.b]\nkind = \"native\"\nfirmware = \"native-posix\"\nfeatures = \"a\"\nport = \"posix\"\n";
    unknown_lan: "[board.a]\nkind = \"qemu\"\nmachine = \"m\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlan = \"usr\"\n";
    lans_that_do_not_fit: "[board.a]\nkind = \"qemu\"\nmachine = \"m\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlan = { nic = \"eth1\" }\n\
        [board.b]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\nstack = \"mine\"\nlan = { nik = \"eth1\", exclusive = 1 }\n";
    lan_of_another_kind: "[board.a]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlan = \"user\"\n";
    links: "[board.a]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlink.serial = { uart = 0 }\n\
        [board.b]\nkind = \"qemu\"\nmachine = \"m\"\nfirmware = \"native-posix\"\nport = \"posix\"\n\
        link.serial = { uart = 7, baud = 1 }\nlink.rtt = { chip = \"x\" }\nlink.serail = {}\ndefault_link = \"rttt\"\n";
    default_link_that_is_missing: "[board.a]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\ndefault_link = \"serial\"\n";
    missing_fields: "[board.a]\n[board.b]\nkind = \"qemu\"\n";
    unknown_default: "default = \"nativ\"\n[board.native]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    unknown_firmware: "[board.a]\nkind = \"native\"\nfirmware = \"native-posx\"\nport = \"posix\"\n";
    firmware_table: "[board.a]\nkind = \"native\"\nfirmware = { elv = \"x\" }\nport = \"posix\"\n";
    missing_deviations: "[board.a]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\ndeviations = \"mine.toml\"\n";
    ranges: "[board.a]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\nrtt_allowance_ms = -1\ndeadline_scale = nan\n";
    column_counts_characters: "[board.\"ä\"]\nkind = \"native\" # ü\n\"ö\" = { }\nfirmware = \"native-posix\"\nport = \"posix\"\n";
}

#[test]
fn a_file_that_is_not_there() {
    let error = Inventory::load(Path::new("no/such/boards.toml")).expect_err("it is not there");
    insta::assert_snapshot!(error.render(false));
}

#[test]
fn unknown_board() {
    let directory = tempfile::tempdir().expect("a directory");
    let text =
        "[board.native-posix]\nkind = \"native\"\nfirmware = \"native-posix\"\nport = \"posix\"\n";
    let inventory =
        Inventory::load(&write(directory.path(), text)).expect("nothing is wrong with it");
    let place = format!("{}/", directory.path().display());
    let near = inventory
        .board("native-posx")
        .expect_err("no such board")
        .to_string();
    let far = inventory
        .board("zebra")
        .expect_err("no such board")
        .to_string();
    insta::assert_snapshot!(format!("{near}\n{far}").replace(&place, ""));
}

#[test]
fn reads_all_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("mine.toml"), "").expect("a file");
    let text = "default = \"a\"\n[board.a]\nkind = \"qemu\"\nmachine = \"mps2-an385\"\nfirmware = { elf = \"x.elf\" }\n\
        port = \"smoltcp\"\ndeviations = \"mine.toml\"\nlink.serial = { uart = 0 }\ndefault_link = \"serial\"\nlan = \"user\"\n\
        rtt_allowance_ms = 7\ndeadline_scale = 2\n";
    let inventory =
        Inventory::load(&write(directory.path(), text)).expect("nothing is wrong with it");
    assert_eq!(inventory.default.as_deref(), Some("a"));
    let board = inventory.board("a").expect("it is there");
    assert_eq!(
        board.kind,
        BoardKind::Qemu {
            machine: "mps2-an385".into()
        }
    );
    assert_eq!(
        board.firmware,
        Firmware::Elf(directory.path().join("x.elf"))
    );
    assert_eq!(board.deviations, Some(directory.path().join("mine.toml")));
    assert_eq!(board.links, [Link::Serial { uart: 0 }]);
    assert_eq!(
        (board.default_link, board.lan.clone()),
        (LinkKind::Serial, Lan::User)
    );
    assert_eq!(board.rtt_allowance, Duration::from_millis(7));
    assert!((board.deadline_scale - 2.0).abs() < f64::EPSILON);
}

#[test]
fn reads_attached_boards() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("chip.yaml"), "").expect("a file");
    let text = "[board.p]\nkind = \"probe\"\nfirmware = \"native-posix\"\nfeatures = [\"a\", \"b\"]\nport = \"posix\"\npower = \"true\"\n\
        link.rtt = { probe = \"1d50:6018:127.0.0.1:77\", chip = \"c\", chip_description = \"chip.yaml\", speed_khz = 4000, \
        protocol = \"jtag\", connect_under_reset = true }\n\
        [board.q]\nkind = \"qemu\"\nmachine = \"m\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlink.serial = { uart = 0 }\nlink.rtt = {}\n\
        [board.s]\nkind = \"serial\"\nfirmware = \"native-posix\"\nport = \"posix\"\nlan = { nic = \"eth1\" }\n\
        link.serial = { port = \"/dev/ttyX\", baud = 921600, log = \"tty\" }\n";
    let inventory =
        Inventory::load(&write(directory.path(), text)).expect("nothing is wrong with it");
    let board = |name| inventory.board(name).expect("it is there");
    let attachment = Attachment {
        probe: Some("1d50:6018:127.0.0.1:77".into()),
        chip: Some("c".into()),
        chip_description: Some(directory.path().join("chip.yaml")),
        speed_khz: Some(4000),
        protocol: Some(DebugProtocol::Jtag),
        connect_under_reset: true,
    };
    assert_eq!(board("p").kind, BoardKind::Probe);
    assert_eq!(board("p").links, [Link::Rtt { attachment }]);
    assert_eq!(board("p").features, ["a", "b"]);
    assert_eq!(
        (board("p").lan.clone(), board("p").power.as_deref()),
        (Lan::None, Some("true"))
    );
    assert_eq!(board("q").default_link, LinkKind::Serial);
    assert_eq!(
        board("q").link(Some(LinkKind::Rtt)),
        Some(&Link::Rtt {
            attachment: Attachment::default()
        })
    );
    let port = SerialPort {
        port: "/dev/ttyX".into(),
        baud: 921_600,
        log: Some(directory.path().join("tty")),
    };
    assert_eq!(board("s").links, [Link::Port(port)]);
    assert_eq!(board("s").lan.kind(), LanKind::Nic);
}

#[test]
fn the_projects_own_file_is_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards.toml");
    match Inventory::load(&file) {
        Ok(inventory) => assert!(
            inventory
                .default
                .is_some_and(|name| name == "qemu-mps2-an385")
        ),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_text_makes_it_panic() {
    let good = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards.toml"))
        .expect("the file");
    let directory = tempfile::tempdir().expect("a directory");
    for cut in (0..good.len()).filter(|cut| good.is_char_boundary(*cut)) {
        let broken = [&good[..cut], "=\u{e4}\"", &good[cut..]].concat();
        if let Err(error) = Inventory::load(&write(directory.path(), &broken)) {
            assert!(!error.to_string().is_empty() && !error.render(true).is_empty());
        }
    }
}
