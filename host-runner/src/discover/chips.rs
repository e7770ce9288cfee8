//! The names of chips that probe-rs knows.

use std::path::Path;

use probe_rs::config::Registry;

/// Chips whose name contains `part`, whatever its case, sorted.
#[must_use]
pub fn search(part: &str) -> Vec<String> {
    let part = part.to_lowercase();
    names(&Registry::from_builtin_families(), |name| {
        name.to_lowercase().contains(&part)
    })
}

/// Whether `chip` has a meaning: it is in the description, or else probe-rs knows it.
///
/// # Errors
/// In words, with names that resemble it.
pub fn check(chip: &str, description: Option<&Path>) -> Result<(), String> {
    let mut registry = Registry::from_builtin_families();
    let mut own = Vec::new();
    if let Some(path) = description {
        let unusable = |problem: String| {
            format!(
                "the chip description {} cannot be used: {problem}",
                path.display()
            )
        };
        let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        let family = registry
            .add_target_family_from_yaml(&text)
            .map_err(|error| unusable(in_full(&error)))?;
        let of_it = registry
            .families()
            .iter()
            .filter(|known| known.name == family);
        own = of_it
            .flat_map(|family| family.variants.iter().map(|chip| chip.name.clone()))
            .collect();
    }
    match registry.get_target_by_name(chip) {
        Ok(_) => Ok(()),
        Err(_) if !own.is_empty() => Err(format!(
            "no chip is called \"{chip}\"; the description calls its own: {}",
            own.join(", ")
        )),
        Err(error) => {
            let similar = similar(&registry, chip);
            let similar = match similar.as_slice() {
                [] => "`hil boards --chips PART` finds its name".into(),
                names => format!("similar: {}", names.join(", ")),
            };
            Err(format!(
                "probe-rs does not know the chip \"{chip}\" ({}); {similar}",
                in_full(&error)
            ))
        }
    }
}

/// An error with its causes.
fn in_full(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.trim_end_matches('.').to_owned()
}

/// Names with the longest beginning in common, if it is long enough to mean something.
fn similar(registry: &Registry, chip: &str) -> Vec<String> {
    let chip = chip.to_lowercase();
    let chars: Vec<char> = chip.chars().collect();
    (5..=chars.len())
        .rev()
        .map(|length| chars[..length].iter().collect::<String>())
        .map(|start| names(registry, |name| name.to_lowercase().starts_with(&start)))
        .find(|names| !names.is_empty())
        .map(|mut names| {
            names.truncate(5);
            names
        })
        .unwrap_or_default()
}

fn names(registry: &Registry, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<String> = registry
        .families()
        .iter()
        .flat_map(|family| family.variants.iter())
        .map(|chip| chip.name.clone())
        .filter(|name| fits(name))
        .collect();
    names.sort();
    names.dedup();
    names
}
