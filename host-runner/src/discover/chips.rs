//! The names of chips that probe-rs knows.

use probe_rs::config::Registry;

/// Chips whose name contains `part`, whatever its case, sorted.
#[must_use]
pub fn search(part: &str) -> Vec<String> {
    let part = part.to_lowercase();
    let registry = Registry::from_builtin_families();
    let families = registry.families().iter();
    let mut names: Vec<String> = families
        .flat_map(|family| family.variants.iter())
        .map(|chip| chip.name.clone())
        .filter(|name| name.to_lowercase().contains(&part))
        .collect();
    names.sort();
    names.dedup();
    names
}
