//! Trends over windows: does a series rise, and by how much.
//!
//! Mann-Kendall's tau compares every pair of points and asks only which is larger, so it does not mind how steep, how
//! straight or how fast the rise is: the right test where verdicts must not depend on the machine's speed. A tie counts
//! for neither side.
//!
//! Called by the rules on backlogs and leaks. Refuses series shorter than eight points: their tau means nothing.

/// Points below which a trend is not judged.
pub const MIN_POINTS: usize = 8;

/// Mann-Kendall tau of `series` in -1 to 1, or `None` if it is too short.
pub fn tau(series: &[f64]) -> Option<f64> {
    if series.len() < MIN_POINTS {
        return None;
    }
    let mut balance = 0i64;
    let mut pairs = 0i64;
    for (i, earlier) in series.iter().enumerate() {
        for later in &series[i + 1..] {
            pairs += 1;
            balance += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    Some(balance as f64 / pairs as f64)
}

/// Last over first, where a first of zero counts as one thing.
pub fn growth(series: &[f64]) -> Option<f64> {
    let (first, last) = (series.first()?, series.last()?);
    Some(last / first.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_sees_order_and_not_steepness() {
        let line: Vec<f64> = (0..8).map(f64::from).collect();
        let steep: Vec<f64> = (0..8).map(|i| 10f64.powi(i)).collect();
        let falling: Vec<f64> = line.iter().rev().copied().collect();
        assert_eq!(tau(&line), Some(1.0));
        assert_eq!(tau(&steep), Some(1.0));
        assert_eq!(tau(&falling), Some(-1.0));
        assert_eq!(tau(&[3.0; 8]), Some(0.0));
        assert!(tau(&[1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0]).unwrap() < 0.3);
    }

    #[test]
    fn short_series_have_no_trend() {
        assert_eq!(tau(&[1.0; 7]), None);
        assert_eq!(growth(&[]), None);
    }

    #[test]
    fn growth_from_nothing_is_finite() {
        assert_eq!(growth(&[0.0, 5.0]), Some(5.0));
        assert_eq!(growth(&[4.0, 6.0]), Some(1.5));
    }
}
