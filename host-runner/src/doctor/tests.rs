use super::*;

#[test]
fn looks_only_at_what_the_boards_need() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("boards.toml");
    let text = "[board.a]\nkind = \"native\"\nfirmware = { elf = \"a\" }\nport = \"posix\"\n";
    std::fs::write(&file, text).expect("a file");
    let checks = checks(&Inventory::load(&file).expect("nothing is wrong with it"));
    let names: Vec<_> = checks.iter().map(|check| &*check.name).collect();
    assert!(
        names.contains(&"loopback") && names.contains(&"free disk space"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"QEMU") && !names.contains(&"cargo"),
        "{names:?}"
    );
    for check in checks {
        assert_eq!(check.fix.is_none(), check.health == Health::Ok, "{check:?}");
    }
}

#[test]
fn boards_that_are_attached_have_rows_of_their_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("boards.toml");
    let text = "[board.p]\nkind = \"probe\"\nfirmware = { elf = \"a\" }\nport = \"posix\"\n\
        link.rtt = { probe = \"1d50:6018:127.0.0.1:1\", chip = \"nRF52840_xxAA\" }\n\
        [board.s]\nkind = \"serial\"\nfirmware = { elf = \"a\" }\nport = \"posix\"\n\
        link.serial = { port = \"/dev/ttyNOSUCH\", log = \"/dev/ttyNOLOG\" }\n";
    std::fs::write(&file, text).expect("a file");
    let checks = checks(&Inventory::load(&file).expect("nothing is wrong with it"));
    let row = |name: &str| {
        let check = checks.iter().find(|check| check.name == name);
        check.unwrap_or_else(|| panic!("no row {name}: {checks:?}"))
    };
    for (name, says) in [
        ("probe of p", "no debug probe listens at 127.0.0.1:1"),
        ("serial port of s", "/dev/ttyNOSUCH"),
        ("log of s", "/dev/ttyNOLOG"),
    ] {
        assert_eq!(row(name).health, Health::Missing, "{name}");
        assert!(row(name).detail.contains(says), "{:?}", row(name));
        assert!(row(name).fix.is_some(), "{name}");
    }
    // Probes in the network are not among those of this machine.
    assert!(checks.iter().all(|check| check.name != "debug probes"));
}
