//! Which tests of which images are meant.

use super::Image;
use super::run::Picked;

/// A pattern that no test fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no test fits \"{pattern}\"; `hil target-test --list` shows what there is")]
pub struct NoSuchTest {
    /// The pattern.
    pub pattern: String,
}

/// The tests that fit any of the patterns; all of them without a pattern. A pattern is a part of an id, or with `*`
/// or `?` in it the whole of one.
///
/// # Errors
/// A pattern that no test fits: it is misspelt, and a run without it would look like success.
pub fn select(images: Vec<Image>, patterns: &[String]) -> Result<Vec<Picked>, NoSuchTest> {
    let lost = patterns.iter().find(|pattern| {
        !images
            .iter()
            .flat_map(|image| &image.tests)
            .any(|test| fits(&test.id, pattern))
    });
    if let Some(pattern) = lost {
        return Err(NoSuchTest {
            pattern: pattern.clone(),
        });
    }
    Ok(images
        .into_iter()
        .map(|image| Picked {
            tests: image
                .tests
                .iter()
                .filter(|test| {
                    patterns.is_empty() || patterns.iter().any(|pattern| fits(&test.id, pattern))
                })
                .cloned()
                .collect(),
            image,
        })
        .filter(|picked| !picked.tests.is_empty())
        .collect())
}

fn fits(id: &str, pattern: &str) -> bool {
    if pattern.contains(['*', '?']) {
        // What is no pattern for all of an id fits nothing.
        glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(id))
    } else {
        id.contains(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_test::{Framework, Test};

    fn image(name: &str, tests: &[&str]) -> Image {
        Image {
            name: name.into(),
            elf: "x".into(),
            build_id: String::new(),
            framework: Framework::EachAlone,
            tests: tests
                .iter()
                .map(|test| Test {
                    id: format!("{name}::{test}"),
                    address: 0,
                    ignored: false,
                    should_panic: false,
                    timeout: None,
                    source: String::new(),
                })
                .collect(),
        }
    }

    fn selected(patterns: &[&str]) -> Vec<String> {
        let images = vec![
            image("unit", &["ring::full", "uart::full"]),
            image("steps", &["first"]),
        ];
        let patterns: Vec<_> = patterns.iter().map(|it| (*it).to_owned()).collect();
        let picked = select(images, &patterns).expect("they all fit something");
        picked
            .into_iter()
            .flat_map(|picked| picked.tests)
            .map(|test| test.id)
            .collect()
    }

    #[test]
    fn parts_and_patterns_select() {
        assert_eq!(selected(&[]).len(), 3);
        assert_eq!(selected(&["ring"]), ["unit::ring::full"]);
        assert_eq!(
            selected(&["steps", "uart"]),
            ["unit::uart::full", "steps::first"]
        );
        assert_eq!(selected(&["unit::*::full"]).len(), 2);
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_an_error() {
        let error = select(vec![image("unit", &["a"])], &["unit".into(), "rong".into()])
            .expect_err("one fits nothing");
        assert_eq!(error.pattern, "rong");
    }
}
