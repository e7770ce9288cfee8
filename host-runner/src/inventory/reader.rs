//! Reading one TOML table key by key, remembering places and collecting problems.

use core::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Problem, similar};

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| problem.span.start);
        self.0
    }

    pub(super) fn wrong_type(&mut self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        self.push(Problem {
            message: format!("{key} must be {wanted}"),
            span: value.span(),
            label: format!("this is {}", article(value.get_ref().type_str())),
            help: format!("write {key} as {wanted}"),
        });
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Field<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One table being read.
pub(super) struct Table<'t, 'p> {
    table: &'t DeTable<'t>,
    place: String,
    header: Range<usize>,
    problems: &'p mut Problems,
}

impl<'t, 'p> Table<'t, 'p> {
    pub(super) fn new(
        table: &'t DeTable<'t>,
        place: impl Into<String>,
        header: Range<usize>,
        problems: &'p mut Problems,
    ) -> Self {
        Self {
            table,
            place: place.into(),
            header,
            problems,
        }
    }

    pub(super) fn problem<T>(
        &mut self,
        field: &Field<T>,
        message: String,
        label: &str,
        help: String,
    ) {
        self.problems.push(Problem {
            message,
            span: field.span.clone(),
            label: label.into(),
            help,
        });
    }

    pub(super) fn keys(&self) -> Vec<Field<String>> {
        self.table
            .keys()
            .map(|key| Field {
                value: key.get_ref().to_string(),
                span: key.span(),
            })
            .collect()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    /// A string, if the key is there.
    pub(super) fn text(&mut self, key: &str) -> Option<Field<String>> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(Field {
                value: text.into(),
                span: value.span(),
            }),
            None => {
                self.problems.wrong_type(key, value, "a string");
                None
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.problems.wrong_type(key, value, "true or false");
        }
        flag
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let list = value.get_ref().as_array().and_then(|list| {
            list.iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect()
        });
        if list.is_none() {
            self.problems.wrong_type(key, value, "a list of texts");
        }
        list
    }

    /// A string that has to be there; `wanted` says what it is.
    pub(super) fn required_text(&mut self, key: &str, wanted: &str) -> Option<Field<String>> {
        if self.value(key).is_none() {
            self.missing(key, wanted);
        }
        self.text(key)
    }

    /// The same where something else than a string could stand, too; `wanted` names all of it.
    pub(super) fn required_text_or(&mut self, key: &str, wanted: &str) -> Option<Field<String>> {
        match self.value(key) {
            Some(value) if !value.get_ref().is_str() => {
                self.problems.wrong_type(key, value, wanted);
                None
            }
            _ => self.required_text(key, wanted),
        }
    }

    /// Says that `key` should be there; `wanted` says what it is.
    pub(super) fn missing(&mut self, key: &str, wanted: &str) {
        self.problems.push(Problem {
            message: format!("{key} is missing {}", self.place),
            span: self.header.clone(),
            label: format!("has no {key}"),
            help: format!("add {key}: {wanted}"),
        });
    }

    /// A number in a range, if the key is there.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|n| n as f64),
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => {
                self.problems.wrong_type(key, value, "a number");
                return None;
            }
        };
        let in_range = number.filter(|number| range.contains(number));
        if in_range.is_none() {
            let (low, high) = (range.start(), range.end());
            let help = if low == high {
                format!("only {low} is possible")
            } else {
                format!("give a number from {low} to {high}")
            };
            self.problems.push(Problem {
                message: format!("{key} is out of range"),
                span: value.span(),
                label: "out of range".into(),
                help,
            });
        }
        in_range
    }

    /// A table, if the key is there; anything else is a problem.
    pub(super) fn table(&mut self, key: &str) -> Option<Field<&'t DeTable<'t>>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Field {
                value: table,
                span: value.span(),
            }),
            None => {
                self.problems.wrong_type(key, value, "a table");
                None
            }
        }
    }

    /// A reader of the table at `key`, if there is one; another type is left for the caller to judge.
    pub(super) fn inner_table(&mut self, key: &str) -> Option<Table<'t, '_>> {
        let value = self.value(key)?;
        let table = value.get_ref().as_table()?;
        let place = format!("{} under {key}", self.place);
        let header = self
            .table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map_or_else(|| value.span(), |(name, _)| name.span());
        Some(Table {
            table,
            place,
            header,
            problems: self.problems,
        })
    }

    /// Reports every key that is none of `known`.
    pub(super) fn finish(self, known: &[&str]) {
        for key in self
            .table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
        {
            let meant = similar(key.get_ref(), known.iter().copied())
                .map(|meant| format!("did you mean \"{meant}\"? "))
                .unwrap_or_default();
            let list = if known.is_empty() {
                "none".into()
            } else {
                known.join(", ")
            };
            self.problems.push(Problem {
                message: format!("unknown key \"{}\" {}", key.get_ref(), self.place),
                span: key.span(),
                label: "unknown key".into(),
                help: format!("{meant}known here: {list}"),
            });
        }
    }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}
