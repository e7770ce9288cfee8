//! The cases as a catalogue: ids are unique, and every citation leads somewhere.

use std::collections::{BTreeMap, BTreeSet};

use hil_kit::Level;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    requirement: Vec<Requirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    id: String,
    level: String,
    text: String,
    source: String,
}

/// All requirements by id, with the suite whose file they stand in.
fn requirements() -> BTreeMap<String, (String, Requirement)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/requirements");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder of requirements") {
        let path = entry.expect("an entry").path();
        let suite = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let file: File =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for requirement in file.requirement {
            let id = requirement.id.clone();
            let twice = all.insert(id.clone(), (suite.clone(), requirement));
            assert!(twice.is_none(), "{id} is written down twice");
        }
    }
    all
}

/// The cases that are about a port. Those of `selftest` are about the harness.
fn cases_of_ports() -> impl Iterator<Item = &'static hil_kit::Case> {
    hil_suites::cases()
        .iter()
        .filter(|case| case.suite() != "selftest")
}

fn is_requirement(id: &str) -> bool {
    id.contains('.') && !id.contains(|c: char| c.is_ascii_uppercase())
}

#[test]
fn there_are_cases_and_their_ids_are_unique() {
    let ids: BTreeSet<String> = hil_suites::cases().iter().map(hil_kit::Case::id).collect();
    assert!(!ids.is_empty());
    assert_eq!(ids.len(), hil_suites::cases().len());
}

#[test]
fn every_cited_requirement_is_written_down_with_its_level() {
    let requirements = requirements();
    for case in cases_of_ports() {
        for id in case.cites.iter().filter(|id| is_requirement(id)) {
            let Some((_, requirement)) = requirements.get(*id) else {
                panic!(
                    "{} cites {id}, which no file of requirements has",
                    case.id()
                );
            };
            assert_eq!(
                requirement.level,
                case.level.name(),
                "{} and {id}",
                case.id()
            );
        }
    }
}

#[test]
fn every_requirement_is_complete_and_cited() {
    let cited: BTreeSet<&str> = hil_suites::cases()
        .iter()
        .flat_map(|case| case.cites.iter().copied())
        .collect();
    for (id, (suite, requirement)) in requirements() {
        assert!(
            id.starts_with(&format!("{suite}.")),
            "{id} stands in {suite}.toml"
        );
        assert!(
            [Level::Must, Level::Should, Level::May]
                .iter()
                .any(|level| level.name() == requirement.level)
        );
        assert!(
            requirement.text.ends_with('.') && !requirement.source.is_empty(),
            "{id}"
        );
        assert!(cited.contains(id.as_str()), "no case cites {id}");
    }
}

#[test]
fn ids_have_three_parts_and_titles_are_sentences() {
    for case in hil_suites::cases() {
        let id = case.id();
        assert_eq!(id.split('/').count(), 3, "{id}");
        assert!(case.title.ends_with('.'), "{id}: {:?}", case.title);
    }
    for id in requirements().keys() {
        assert_eq!(
            id.split('.').count(),
            3,
            "{id} is not <suite>.<operation>.<rule>"
        );
    }
}

/// The groups of coverage gaps and of checks of packets, and how many each has.
const GAPS: [(&str, u8); 23] = [
    ("SRV", 30),
    ("CON", 20),
    ("STR", 28),
    ("LIF", 15),
    ("SIG", 16),
    ("TMO", 8),
    ("UDP", 22),
    ("ADR", 14),
    ("OPT", 18),
    ("V6", 10),
    ("NIF", 18),
    ("RES", 7),
    ("TCP-W", 104),
    ("ARP-W", 12),
    ("IP4-W", 16),
    ("ICM-W", 7),
    ("UDP-W", 7),
    ("IP6-W", 12),
    ("ND-W", 13),
    ("DHC-W", 15),
    ("DNS-W", 10),
    ("MC-W", 9),
    ("DRV-W", 15),
];

#[test]
fn every_cited_coverage_gap_exists() {
    for case in hil_suites::cases() {
        for id in case.cites.iter().filter(|id| !is_requirement(id)) {
            if id.contains("SOCKET_") || id.starts_with("NETWORKINTERFACE_") {
                continue;
            }
            let known = id.rsplit_once('-').is_some_and(|(group, number)| {
                let number: u8 = number.parse().unwrap_or(0);
                GAPS.iter()
                    .any(|(name, count)| *name == group && (1..=*count).contains(&number))
            });
            assert!(known, "{} cites {id}", case.id());
        }
    }
}
