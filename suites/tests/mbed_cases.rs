//! docs/src/mbed-cases.md is complete and true.

use std::collections::{BTreeMap, BTreeSet};

/// The cases of the TCP and UDP part of Mbed OS's netsocket test plan, and those of its interface part.
const NAMES: [&str; 48] = [
    "TCPSOCKET_OPEN_DESTRUCT",
    "TCPSOCKET_OPEN_LIMIT",
    "TCPSOCKET_OPEN_TWICE",
    "TCPSOCKET_OPEN_CLOSE_REPEAT",
    "TCPSOCKET_BIND_PORT",
    "TCPSOCKET_BIND_PORT_FAIL",
    "TCPSOCKET_BIND_ADDRESS",
    "TCPSOCKET_BIND_ADDRESS_INVALID",
    "TCPSOCKET_BIND_WRONG_TYPE",
    "TCPSOCKET_BIND_UNOPENED",
    "TCPSOCKET_CONNECT_INVALID",
    "TCPSOCKET_SEND_REPEAT",
    "TCPSOCKET_SEND_TIMEOUT",
    "TCPSOCKET_RECV_TIMEOUT",
    "TCPSOCKET_ECHOTEST",
    "TCPSOCKET_ECHOTEST_NONBLOCK",
    "TCPSOCKET_ECHOTEST_BURST",
    "TCPSOCKET_ECHOTEST_BURST_NONBLOCK",
    "TCPSOCKET_RECV_100K",
    "TCPSOCKET_RECV_100K_NONBLOCK",
    "TCPSOCKET_ENDPOINT_CLOSE",
    "TCPSOCKET_SETSOCKOPT_KEEPALIVE_VALID",
    "TCPSOCKET_THREAD_PER_SOCKET_SAFETY",
    "UDPSOCKET_OPEN_DESTRUCT",
    "UDPSOCKET_OPEN_LIMIT",
    "UDPSOCKET_OPEN_TWICE",
    "UDPSOCKET_OPEN_CLOSE_REPEAT",
    "UDPSOCKET_BIND_PORT",
    "UDPSOCKET_BIND_PORT_FAIL",
    "UDPSOCKET_BIND_ADDRESS",
    "UDPSOCKET_BIND_ADDRESS_INVALID",
    "UDPSOCKET_BIND_WRONG_TYPE",
    "UDPSOCKET_BIND_UNOPENED",
    "UDPSOCKET_BIND_ADDRESS_NULL",
    "UDPSOCKET_SENDTO_INVALID",
    "UDPSOCKET_SENDTO_REPEAT",
    "UDPSOCKET_SENDTO_TIMEOUT",
    "UDPSOCKET_RECV_TIMEOUT",
    "UDPSOCKET_ECHOTEST",
    "UDPSOCKET_ECHOTEST_NONBLOCK",
    "UDPSOCKET_ECHOTEST_CONNECT_SEND_RECV",
    "UDPSOCKET_ECHOTEST_NONBLOCK_CONNECT_SEND_RECV",
    "UDPSOCKET_ECHOTEST_BURST",
    "UDPSOCKET_ECHOTEST_BURST_NONBLOCK",
    "NETWORKINTERFACE_STATUS",
    "NETWORKINTERFACE_STATUS_NONBLOCK",
    "NETWORKINTERFACE_STATUS_GET",
    "NETWORKINTERFACE_CONN_DISC_REPEAT",
];

fn is_name(id: &str) -> bool {
    id.contains("SOCKET_") || id.starts_with("NETWORKINTERFACE_")
}

/// Names and ids of the table, in the rows that have both.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/mbed-cases.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut table = BTreeMap::new();
    let names_one = |line: &&str| line.strip_prefix("| ").is_some_and(is_name);
    for row in page.lines().filter(names_one) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", name, ids, _, ""] = cells[..] else {
            panic!("not a row of three cells: {row}");
        };
        let ids = ids.split(", ").map(|id| id.trim_matches('`').into());
        let twice = table.insert(name.to_owned(), ids.collect());
        assert!(twice.is_none(), "{name} has two rows");
    }
    table
}

#[test]
fn every_name_is_in_the_table_and_no_other() {
    let table = table();
    let names: BTreeSet<&str> = NAMES.into();
    let rows: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(rows, names);
    assert_eq!(names.len(), NAMES.len());
}

#[test]
fn the_table_says_what_the_cases_cite() {
    let mut cited: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in hil_suites::cases() {
        for name in case.cites.iter().filter(|name| is_name(name)) {
            assert!(
                NAMES.contains(name),
                "{} cites {name}, which the plan does not have",
                case.id()
            );
            cited
                .entry((*name).to_owned())
                .or_default()
                .insert(case.id());
        }
    }
    assert_eq!(table(), cited);
}
