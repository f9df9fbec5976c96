//! The little statistics that the tables need.
//!
//! Medians, not means: one preemption by the host must not move a result. Quantiles are of the nearest rank, so every
//! number printed was measured. For paired comparisons there is a distribution-free interval around the median of the
//! differences: it is found by counting ranks, so it claims nothing about the shape of the noise.

/// The middle of the values; of an even number, the mean of the middle two. NaN of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The value of the nearest rank at `q` (0 to 1). NaN of none.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let sorted = sorted(values);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

/// An interval that holds the true median with at least 95 % confidence (from 6 values on; below that, all of them):
/// the narrowest pair of symmetric ranks whose tails together weigh at most 5 % under a fair coin.
#[must_use]
pub fn median_interval(values: &[f64]) -> (f64, f64) {
    let sorted = sorted(values);
    let n = sorted.len();
    if n == 0 {
        return (f64::NAN, f64::NAN);
    }
    let mut cut = 0;
    let mut tail = 0.5_f64.powi(n as i32);
    let mut term = tail;
    while cut + 1 < n.div_ceil(2) {
        term *= (n - cut) as f64 / (cut + 1) as f64;
        if tail + term > 0.025 {
            break;
        }
        tail += term;
        cut += 1;
    }
    (sorted[cut], sorted[n - 1 - cut])
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.5), 50.0);
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn interval_has_the_tabulated_ranks() {
        // Tables of the sign test: n = 5 all; n = 9 ranks 2 and 8; n = 15 ranks 4 and 12; n = 20 ranks 6 and 15.
        for (n, low, high) in [(5, 1.0, 5.0), (9, 2.0, 8.0), (15, 4.0, 12.0), (20, 6.0, 15.0)] {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            assert_eq!(median_interval(&values), (low, high), "n = {n}");
        }
    }
}
