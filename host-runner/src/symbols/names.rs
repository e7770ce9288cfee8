//! Names of functions and files as people call them: short, and the same wherever the image was built.
//!
//! Must not: lose what tells two functions of a project apart.

use std::path::Path;

/// A demangled name without the arguments of generic functions and types: `<Agent as Link>::write` for
/// `<Agent<Iut<Lan9118>> as Link>::write`. They are long, and a backtrace has the line.
pub(super) fn without_arguments(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut depth = 0_u32;
    let mut before = ' ';
    for letter in name.chars() {
        match letter {
            // After a name it begins arguments, elsewhere a type whose method this is.
            '<' if depth > 0 || before == ':' || before == '_' || before.is_alphanumeric() => {
                if depth == 0 && short.ends_with("::") {
                    short.truncate(short.len() - 2);
                }
                depth += 1;
            }
            // That of an arrow closes nothing.
            '>' if depth > 0 && before != '-' => depth -= 1,
            _ if depth > 0 => {}
            letter => short.push(letter),
        }
        before = letter;
    }
    short
}

/// A source file as seen from its project: relative to the workspace it is in, from the name of its crate for those
/// of a registry, from the name of the library for those of the compiler. Other paths stay as they are.
pub(super) fn file(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let from = |index: usize| parts.get(index..).map(|parts| parts.join("/"));
    let after = |folder: &[&str]| {
        parts
            .windows(folder.len())
            .position(|window| window == folder)
            .map(|at| at + folder.len())
    };
    // /rustc/<commit>/library/core/src/…, or the same out of an installed toolchain.
    if let Some(library) = after(&["library"])
        && (path.starts_with("/rustc/") || after(&["rustlib", "src", "rust"]).is_some())
    {
        return from(library).unwrap_or_default();
    }
    // …/registry/src/<index>/<crate>-<version>/src/…
    if let Some(index) = after(&["registry", "src"]) {
        return from(index + 1).unwrap_or_default();
    }
    // …/git/checkouts/<name>-<hash>/<commit>/…
    if let Some(name) = after(&["git", "checkouts"]) {
        return from(name + 2).unwrap_or_default();
    }
    in_workspace(Path::new(path)).unwrap_or_else(|| path.to_owned())
}

/// The path from the workspace it lies in, if that is on this machine.
fn in_workspace(path: &Path) -> Option<String> {
    path.ancestors()
        .skip(1)
        .filter(|folder| {
            std::fs::read_to_string(folder.join("Cargo.toml"))
                .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "[workspace]"))
        })
        .last()
        .and_then(|root| path.strip_prefix(root).ok())
        .map(|path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_arguments_are_left_out_and_types_of_methods_stay() {
        for (long, short) in [
            ("core::panicking::panic_fmt", "core::panicking::panic_fmt"),
            ("nsapi::run::<a::B<c::D>, 4>", "nsapi::run"),
            (
                "<nsapi_agent::Agent<x::Y<z::Z>> as nsapi::Link>::write",
                "<nsapi_agent::Agent as nsapi::Link>::write",
            ),
            (
                "<a::Sockets<S, C, 24>>::close::{closure#0}",
                "<a::Sockets>::close::{closure#0}",
            ),
            ("a::f::<fn(u8) -> u8>::g", "a::f::g"),
            ("<[u8] as a::B<u8>>::c", "<[u8] as a::B>::c"),
            ("main", "main"),
        ] {
            assert_eq!(without_arguments(long), short);
        }
    }

    #[test]
    fn files_are_named_from_where_they_belong() {
        for (path, name) in [
            (
                "/rustc/0123abcd/library/core/src/panicking.rs",
                "core/src/panicking.rs",
            ),
            (
                "/home/somebody/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/option.rs",
                "core/src/option.rs",
            ),
            (
                "/home/somebody/.cargo/registry/src/index.crates.io-00/smoltcp-0.14.0/src/lib.rs",
                "smoltcp-0.14.0/src/lib.rs",
            ),
            (
                "/home/somebody/.cargo/git/checkouts/embassy-12ab/34cd/embassy-net/src/lib.rs",
                "embassy-net/src/lib.rs",
            ),
            (
                "/no/such/folder/vendor/main.c",
                "/no/such/folder/vendor/main.c",
            ),
            ("", ""),
        ] {
            assert_eq!(file(path), name);
        }
        assert_eq!(
            file(concat!(env!("CARGO_MANIFEST_DIR"), "/src/symbols/names.rs")),
            "host-runner/src/symbols/names.rs"
        );
    }
}
