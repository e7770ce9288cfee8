//! Where a message stands in the source, as a person looks for it.

use defmt_decoder::Location;

/// Where crates from a registry are kept, before the registry's own directory.
const REGISTRY: &str = "/registry/src/";

/// `file:line`; the file relative to the workspace, or to the registry for a dependency.
pub(super) fn shown(location: &Location, workspace: &str) -> String {
    let file = location.file.display().to_string();
    format!("{}:{}", shorter(&file, workspace), location.line)
}

fn shorter<'f>(file: &'f str, workspace: &str) -> &'f str {
    if let Some(rest) = file.strip_prefix(workspace) {
        return rest;
    }
    file.split_once(REGISTRY)
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or(file, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::shorter;

    #[test]
    fn leaves_out_what_is_the_same_for_all() {
        for (file, expected) in [
            ("/w/target-fw/agent/src/a.rs", "target-fw/agent/src/a.rs"),
            (
                "/h/registry/src/x-1/smoltcp-1/src/a.rs",
                "smoltcp-1/src/a.rs",
            ),
            ("src/a.rs", "src/a.rs"),
            ("/else/where.rs", "/else/where.rs"),
        ] {
            assert_eq!(shorter(file, "/w/"), expected);
        }
    }
}
