//! [`Age`]: how long, for people.

use std::fmt::{self, Display, Formatter};

/// *Nanoseconds*, displayed by the one rule of these texts: below a minute one number with one decimal (none for nanoseconds) in the
/// largest unit that fits, from there on the two largest units. It is cut, not rounded: nothing is older than it is said to be.
///
/// ```
/// use gumption_introspect::dump::text::Age;
///
/// assert_eq!(Age(5_000_000).to_string(), "5.0ms");
/// assert_eq!(Age(192_000_000_000).to_string(), "3m12s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub u64);

impl Display for Age {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tenths = |f: &mut Formatter<'_>, unit: u64, name| {
            write!(f, "{}.{}{name}", self.0 / unit, self.0 % unit / (unit / 10))
        };
        let seconds = self.0 / 1_000_000_000;
        match self.0 {
            0..1_000 => write!(f, "{}ns", self.0),
            1_000..1_000_000 => tenths(f, 1_000, "us"),
            1_000_000..1_000_000_000 => tenths(f, 1_000_000, "ms"),
            _ if seconds < 60 => tenths(f, 1_000_000_000, "s"),
            _ if seconds < 3_600 => write!(f, "{}m{}s", seconds / 60, seconds % 60),
            _ if seconds < 86_400 => write!(f, "{}h{}m", seconds / 3_600, seconds % 3_600 / 60),
            _ => write!(f, "{}d{}h", seconds / 86_400, seconds % 86_400 / 3_600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Age;

    #[test]
    fn one_unit_below_a_minute_and_two_above() {
        for (ns, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.0us"),
            (5_260_000, "5.2ms"),
            (999_999_999, "999.9ms"),
            (1_000_000_000, "1.0s"),
            (59_999_999_999, "59.9s"),
            (60_000_000_000, "1m0s"),
            (3_599_999_999_999, "59m59s"),
            (3_600_000_000_000, "1h0m"),
            (86_399_000_000_000, "23h59m"),
            (86_400_000_000_000, "1d0h"),
            (u64::MAX, "213503d23h"),
        ] {
            assert_eq!(Age(ns).to_string(), text);
        }
    }
}
