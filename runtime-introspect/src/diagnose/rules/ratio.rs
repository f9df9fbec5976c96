//! [`ratio`]: what a rule compares with its limits.
//!
//! The rules know no duration and no machine: each divides a count by another of the same window, a time by a time. Where there
//! is nothing to divide by, nothing has happened, and the ratio is zero, which no limit is below.

/// `part` of `whole`, zero where there is no whole.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
