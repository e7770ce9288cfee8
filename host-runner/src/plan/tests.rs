//! Tables for selection and applicability.

use hil_kit::rig::LanProperties;
use hil_kit::{Case, Level, Need, Profile};
use nsapi::{Capabilities, Capability};

use super::*;

const fn case(module: &'static str, function: &'static str, profile: Profile) -> Case {
    Case {
        module,
        function,
        title: "It works.",
        text: "",
        level: Level::Must,
        cites: &[],
        needs: &[],
        profile,
        tags: &[],
        deadline_ms: 1000,
        file: "x.rs",
        line: 1,
        run: |_| Box::pin(async { Ok(()) }),
    }
}

const fn needing(needs: &'static [Need]) -> Case {
    Case {
        needs,
        ..case("hil_suites::tcp::recv", "x", Profile::Quick)
    }
}

fn registry() -> Vec<Case> {
    vec![
        case("hil_suites::udp::recvfrom", "truncates", Profile::Quick),
        Case {
            tags: &["slow"],
            ..case("hil_suites::tcp::connect", "black_hole", Profile::Soak)
        },
        Case {
            tags: &["smoke"],
            ..case(
                "hil_suites::tcp::recv",
                "after_orderly_close",
                Profile::Quick,
            )
        },
        case("hil_suites::tcp::recv", "in_pieces", Profile::Full),
        case("hil_suites::selftest::crash", "panics", Profile::Quick),
        Case {
            tags: &["smoke"],
            ..case("hil_suites::selftest::crash", "truncates", Profile::Quick)
        },
    ]
}

fn ids(selection: &Selection) -> Result<Vec<String>, String> {
    let registry = registry();
    select(&registry, selection)
        .map(|cases| cases.iter().map(|case| case.id()).collect())
        .map_err(|error| error.to_string())
}

fn patterns(patterns: &[&str]) -> Selection {
    Selection {
        patterns: patterns.iter().map(|word| (*word).to_owned()).collect(),
        ..Selection::default()
    }
}

#[test]
fn selects_by_pattern_suite_tag_and_profile() {
    let table: &[(&str, Selection, &[&str])] = &[
        (
            "all",
            Selection::default(),
            &[
                "tcp/recv/after-orderly-close",
                "tcp/recv/in-pieces",
                "udp/recvfrom/truncates",
            ],
        ),
        (
            "quick",
            Selection {
                profile: Profile::Quick,
                ..Selection::default()
            },
            &["tcp/recv/after-orderly-close", "udp/recvfrom/truncates"],
        ),
        (
            "substring",
            patterns(&["recv/"]),
            &["tcp/recv/after-orderly-close", "tcp/recv/in-pieces"],
        ),
        (
            "glob",
            patterns(&["*/recv*/*s"]),
            &["tcp/recv/in-pieces", "udp/recvfrom/truncates"],
        ),
        (
            "two",
            patterns(&["pieces", "udp/"]),
            &["tcp/recv/in-pieces", "udp/recvfrom/truncates"],
        ),
        (
            "suite",
            Selection {
                suites: vec!["udp".into()],
                ..Selection::default()
            },
            &["udp/recvfrom/truncates"],
        ),
        (
            "tag",
            Selection {
                tags: vec!["smoke".into()],
                ..Selection::default()
            },
            &["tcp/recv/after-orderly-close"],
        ),
        (
            "full id of a long case",
            patterns(&["tcp/connect/black-hole"]),
            &["tcp/connect/black-hole"],
        ),
    ];
    for (name, selection, expected) in table {
        assert_eq!(ids(selection).unwrap(), *expected, "{name}");
    }
}

#[test]
fn the_selftest_is_there_only_for_those_who_name_it() {
    let suite = |name: &str, words: &[&str]| Selection {
        suites: vec![name.into()],
        ..patterns(words)
    };
    let table: &[(Selection, &[&str])] = &[
        (
            suite("selftest", &[]),
            &["selftest/crash/panics", "selftest/crash/truncates"],
        ),
        (suite("selftest", &["panics"]), &["selftest/crash/panics"]),
        (
            patterns(&["selftest/crash/panics"]),
            &["selftest/crash/panics"],
        ),
        (
            patterns(&["selftest/*"]),
            &["selftest/crash/panics", "selftest/crash/truncates"],
        ),
        (patterns(&["truncates"]), &["udp/recvfrom/truncates"]),
        (
            patterns(&["*truncates", "selftest/crash/panics"]),
            &["selftest/crash/panics", "udp/recvfrom/truncates"],
        ),
    ];
    for (selection, expected) in table {
        assert_eq!(ids(selection).unwrap(), *expected, "{selection:?}");
    }
    let unseen = [
        patterns(&["panics"]),
        patterns(&["*/crash/*"]),
        suite("udp", &["selftest/crash/panics"]),
    ];
    for selection in unseen {
        assert!(ids(&selection).is_err(), "{selection:?}");
    }
    assert!(
        !ids(&patterns(&["panics"]))
            .unwrap_err()
            .contains("selftest")
    );
}

#[test]
fn no_default_selection_of_the_real_cases_has_one_of_the_selftest() {
    let all = hil_suites::cases();
    let selftest = all.iter().filter(|case| case.suite() == "selftest").count();
    assert!(selftest >= 7);
    for profile in [Profile::Quick, Profile::Full, Profile::Soak] {
        let selection = Selection {
            profile,
            ..Selection::default()
        };
        let selected = select(all, &selection).unwrap();
        assert!(selected.iter().all(|case| case.suite() != "selftest"));
        if profile == Profile::Soak {
            assert_eq!(selected.len() + selftest, all.len());
        }
    }
    let everything = select(all, &patterns(&["*"])).unwrap();
    assert!(everything.iter().all(|case| case.suite() != "selftest"));
}

#[test]
fn says_why_nothing_is_selected() {
    let table: &[(Selection, &str)] = &[
        (
            patterns(&["tcp/recv/in-peaces"]),
            "no case matches \"tcp/recv/in-peaces\"; similar: tcp/recv/in-pieces, tcp/recv/after-orderly-close",
        ),
        (
            patterns(&["udp/", "nonsense"]),
            "no case matches \"nonsense\"; `hil list` shows what there is",
        ),
        (
            patterns(&["tcp/[a"]),
            "the case pattern \"tcp/[a\" is malformed: invalid range pattern at character 5",
        ),
        (
            Selection {
                suites: vec!["tcpp".into()],
                ..Selection::default()
            },
            "no suite \"tcpp\"; similar: tcp",
        ),
        (
            Selection {
                tags: vec!["smok".into()],
                ..Selection::default()
            },
            "no tag \"smok\"; similar: smoke",
        ),
        (
            patterns(&["black"]),
            "the 1 case(s) that fit belong to profile soak: add `--profile soak`",
        ),
        (
            Selection {
                suites: vec!["udp".into()],
                ..patterns(&["pieces"])
            },
            "no case fits everything that was asked for: --suite udp pieces --profile full",
        ),
    ];
    for (selection, expected) in table {
        assert_eq!(ids(selection).unwrap_err(), *expected);
    }
    assert_eq!(
        select([], &Selection::default()).unwrap_err(),
        NothingSelected::Empty
    );
}

#[test]
fn needs_against_claims_and_lan() {
    const UDP: Need = Need::Capability(Capability::Udp);
    const V4: Need = Need::Capability(Capability::Ipv4);
    const V6: Need = Need::Capability(Capability::Ipv6);
    const NIDD: Need = Need::Capability(Capability::Nidd);
    const SIGIO: Need = Need::Capability(Capability::Sigio);
    const SERVER: Need = Need::Capability(Capability::Server);

    let lan = LanFacts {
        name: "user".into(),
        reason: None,
        properties: LanProperties {
            black_hole: true,
            ..LanProperties::default()
        },
    };
    let v4 = Capabilities::NONE.with(Capability::Ipv4);
    let ip = Claims {
        ip: true,
        capabilities: v4,
    };
    let modem = Claims {
        ip: false,
        capabilities: Capabilities::NONE.with(Capability::Nidd),
    };
    let bare = Claims {
        ip: true,
        capabilities: Capabilities::NONE,
    };
    let nothing = Claims {
        ip: false,
        capabilities: Capabilities::NONE,
    };
    let all = Claims {
        ip: true,
        capabilities: Capabilities::EVERYTHING,
    };

    let table: &[(&'static [Need], Claims, &str)] = &[
        (&[], ip, "yes"),
        (&[], nothing, "fail"),
        (&[V4], ip, "yes"),
        (&[V6], ip, "unsupported"),
        (&[V6], bare, "fail"),
        (&[UDP], ip, "fail"),
        (&[UDP], modem, "unsupported"),
        (&[SIGIO], ip, "fail"),
        (&[NIDD, SIGIO], modem, "unsupported"),
        (&[NIDD, SIGIO], Claims { ip: true, ..modem }, "unsupported"),
        (&[NIDD], ip, "unsupported"),
        (&[NIDD], modem, "yes"),
        (&[SERVER], ip, "unsupported"),
        (&[SERVER, UDP], ip, "fail"),
        (&[UDP, SERVER], ip, "fail"),
        (&[Need::Option(1)], ip, "unsupported"),
        (&[Need::Option(1)], all, "yes"),
        (&[Need::BlackHole], ip, "yes"),
        (&[Need::SourcePorts], ip, "skipped"),
        (&[Need::HonestTcp], ip, "skipped"),
        (&[Need::HostIpv6], ip, "skipped"),
        (&[Need::Cable], ip, "skipped"),
        (&[Need::SecondHostAddress, SERVER], ip, "unsupported"),
        (
            &[Need::SecondHostAddress, SERVER, UDP, V4, V6],
            all,
            "skipped",
        ),
    ];
    for (needs, claims, expected) in table {
        let found = match applies(&needing(needs), *claims, &lan) {
            Applies::Yes => "yes",
            Applies::Unsupported(_) => "unsupported",
            Applies::Skipped(_) => "skipped",
            Applies::Fail { .. } => "fail",
        };
        assert_eq!(found, *expected, "{needs:?} with {claims:?}");
    }
    assert_eq!(
        applies(&needing(&[Need::HonestTcp]), ip, &lan),
        Applies::Skipped("lan user does not hand TCP through as it is".into())
    );
    assert_eq!(
        applies(&needing(&[UDP]), ip, &lan),
        Applies::Fail {
            key: "claims.mandatory",
            reason: "udp is not claimed, and is mandatory for class ip".into()
        }
    );
}
