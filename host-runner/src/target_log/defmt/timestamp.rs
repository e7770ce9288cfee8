//! The target's time, from the words that the image's format makes of it.

/// Microseconds: of `12.345678` or `12.345` (seconds), `00:00:12.345678`, `1:02:03:04.5` (days), or of a bare number
/// of microseconds. `None` for anything else: a date, ticks with a name.
pub(super) fn microseconds(words: &str) -> Option<u64> {
    let words = words.trim();
    if words.bytes().all(|byte| byte.is_ascii_digit()) {
        return words.parse().ok();
    }
    let (whole, fraction) = words.split_once('.').unwrap_or((words, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let parts: Vec<&str> = whole.split(':').collect();
    let units = [1, 60, 3600, 86_400];
    if parts.len() > units.len() || !parts.iter().all(|part| digits(part)) {
        return None;
    }
    let mut seconds = 0_u64;
    for (part, unit) in parts.iter().rev().zip(units) {
        seconds = seconds.checked_add(part.parse::<u64>().ok()?.checked_mul(unit)?)?;
    }
    let scale = 10_u64.pow(6 - u32::try_from(fraction.len()).ok()?);
    seconds
        .checked_mul(1_000_000)?
        .checked_add(fraction.parse::<u64>().ok()?.checked_mul(scale)?)
}

#[cfg(test)]
mod tests {
    use super::microseconds;

    #[test]
    fn understands_the_usual_formats() {
        for (words, expected) in [
            ("0.000001", Some(1)),
            ("12.345678", Some(12_345_678)),
            ("12.345", Some(12_345_000)),
            ("123456", Some(123_456)),
            ("00:00:01.5", Some(1_500_000)),
            ("01:02:03", Some(3_723_000_000)),
            ("1:00:00:00.000001", Some(86_400_000_001)),
            ("2026-01-01T00:00:00.000Z", None),
            ("", None),
            ("1.", None),
            (".5", None),
            ("1.1234567", None),
            ("99999999999999999999.0", None),
            ("-1.0", None),
        ] {
            assert_eq!(microseconds(words), expected, "{words}");
        }
    }
}
