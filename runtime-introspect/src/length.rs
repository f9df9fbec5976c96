//! Lengths of time as users give them: read from words, and made deadlines.
//!
//! One rule for the whole crate: what a query, a filter and the environment take for a length of time is the same (a number of
//! seconds, or a number and a unit), and a limit that is longer than the clock can express is none, not a panic: whoever writes
//! `Duration::MAX` means "as long as it takes".

use std::time::{Duration, Instant};

/// What a deadline is that cannot be expressed. Far more fails on some systems' clocks.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365 * 30);

/// A length of time in words: `5`, `0.5`, `100ms`, `5s`, `3m`, `2h`. None for what is no length.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    // The sign and the words that a float may be are no lengths of time.
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[number.len()..] {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// When it will have been so long from now.
pub(crate) fn deadline(length: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(length).unwrap_or_else(|| now + FOR_EVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_seconds_or_has_a_unit() {
        for (text, ms) in
            [("5", 5_000), ("0.5", 500), ("100ms", 100), ("5s", 5_000), ("1.5m", 90_000), ("2h", 7_200_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!((parse("7us"), parse("7ns")), (Some(Duration::from_micros(7)), Some(Duration::from_nanos(7))));
        for wrong in ["", "s", "-1", "-1s", "+1", "inf", "nans", "1e99", "1e300h", "5é", "5 s", "5d", "0x5", "1..2"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_limit_beyond_the_clock_is_a_deadline_all_the_same() {
        assert!(deadline(Duration::MAX) > Instant::now() + Duration::from_secs(86_400));
        assert!(deadline(Duration::ZERO) <= Instant::now());
    }
}
