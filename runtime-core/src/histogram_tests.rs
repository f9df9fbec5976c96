//! The histogram against a sorted list, and the algebra of its snapshots.

use proptest::prelude::*;

use super::*;
use crate::counters::ENABLED;

/// A snapshot by the definition, without the live histogram.
fn of(values: &[u64]) -> HistogramSnapshot {
    let mut snapshot = HistogramSnapshot::default();
    for value in values {
        snapshot.buckets[bucket_of(*value)] += 1;
        snapshot.sum = snapshot.sum.wrapping_add(*value);
        snapshot.max = snapshot.max.max(*value);
    }
    snapshot
}

#[test]
fn buckets_tile_the_numbers() {
    assert_eq!((bucket_floor(0), bucket_ceiling(0)), (0, 0));
    for bucket in 1..BUCKETS {
        assert_eq!(bucket_floor(bucket), bucket_ceiling(bucket - 1) + 1, "a gap before bucket {bucket}");
    }
    assert_eq!(bucket_ceiling(BUCKETS - 1), u64::MAX);
    for bucket in 0..BUCKETS {
        assert_eq!(bucket_of(bucket_floor(bucket)), bucket);
        assert_eq!(bucket_of(bucket_ceiling(bucket)), bucket);
    }
}

#[test]
fn an_empty_histogram_has_no_quantile() {
    let empty = HistogramSnapshot::default();
    assert!(empty.is_empty());
    assert_eq!((empty.quantile(0.5), empty.mean(), empty.count()), (None, None, 0));
}

#[test]
fn a_senseless_fraction_shows_the_worst_case() {
    let histogram = of(&[10, 1_000]);
    assert_eq!(histogram.quantile(f64::NAN), Some(1_000));
    assert_eq!(histogram.quantile(7.0), Some(1_000));
    assert_eq!(histogram.quantile(-1.0), histogram.quantile(0.0));
}

#[cfg(feature = "stats")]
#[test]
fn readers_beside_the_writer_see_counts_that_only_grow() {
    const RECORDS: u64 = 50_000;
    let live = std::sync::Arc::new(Histogram::default());
    let reader = std::thread::spawn({
        let live = live.clone();
        move || {
            let mut last = HistogramSnapshot::default();
            while last.count() < RECORDS {
                let now = live.snapshot();
                assert!(now.buckets.iter().zip(&last.buckets).all(|(now, last)| now >= last));
                assert!(now.count() == 0 || now.quantile(1.0).is_some());
                last = now;
            }
        }
    });
    (0..RECORDS).for_each(|value| live.record(value));
    reader.join().unwrap();
    assert_eq!(live.snapshot(), of(&(0..RECORDS).collect::<Vec<_>>()));
}

/// Durations of every magnitude, whose sum does not overflow.
fn durations() -> impl Strategy<Value = Vec<u64>> {
    let duration = (0..56u32, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1));
    prop::collection::vec(duration, 0..200)
}

proptest! {
    #[test]
    fn live_and_definition_agree(values in durations()) {
        let live = Histogram::default();
        values.iter().for_each(|value| live.record(*value));
        prop_assert_eq!(live.snapshot(), if ENABLED { of(&values) } else { HistogramSnapshot::default() });
    }

    #[test]
    fn a_quantile_is_never_below_and_less_than_twice(mut values in durations(), q in 0.0..=1.0f64) {
        prop_assume!(!values.is_empty());
        let snapshot = of(&values);
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let exact = values[rank - 1];
        let quantile = snapshot.quantile(q).unwrap();
        prop_assert!(quantile >= exact && quantile < (2 * exact).max(1), "{quantile} for {exact}");
        prop_assert_eq!(snapshot.quantile(1.0), values.last().copied());
    }

    #[test]
    fn quantiles_rise_with_the_fraction(values in durations(), a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
        let snapshot = of(&values);
        prop_assert!(snapshot.quantile(a.min(b)) <= snapshot.quantile(a.max(b)));
    }

    #[test]
    fn merge_is_recording_both(a in durations(), b in durations()) {
        let mut merged = of(&a);
        merged.merge(&of(&b));
        prop_assert_eq!(&merged, &of(&[a.clone(), b.clone()].concat()));
        let mut other_way = of(&b);
        other_way.merge(&of(&a));
        prop_assert_eq!(merged, other_way);
    }

    #[test]
    fn since_is_what_came_after(before in durations(), after in durations()) {
        let delta = of(&[before.clone(), after.clone()].concat()).since(&of(&before));
        let exact = of(&after);
        prop_assert_eq!(delta.buckets, exact.buckets);
        prop_assert_eq!(delta.sum, exact.sum);
        prop_assert!(delta.max >= exact.max);
        prop_assert!(delta.max < (2 * exact.max).max(1));
        if exact.max > of(&before).max {
            prop_assert_eq!(delta.max, exact.max);
        }
    }
}
