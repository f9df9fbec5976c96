//! The buckets of every shape cover all durations once, and are as fine as they promise.

use super::*;
use proptest::prelude::*;

fn covers_everything_once(shape: Shape) {
    let mut end = 0;
    for bucket in 0..shape.buckets() {
        let range = shape.range(bucket);
        assert_eq!(range.start, end, "{shape:?}: bucket {bucket} begins where the one before ends");
        assert!(range.start < range.end, "{shape:?}: bucket {bucket} is empty");
        for ns in [range.start, range.end - 1] {
            assert_eq!(shape.bucket_of(ns), bucket, "{shape:?}: {ns}");
        }
        end = range.end;
    }
    assert_eq!(end, u64::MAX);
}

#[test]
fn the_scales_of_old() {
    let doubling = Shape::Doubling { buckets: 10, first: 2 };
    assert_eq!([0, 1, 2, 3, 9].map(|i| doubling.range(i)), [0..2, 2..4, 4..8, 8..16, 512..u64::MAX]);
    covers_everything_once(doubling);
    covers_everything_once(Shape::Doubling { buckets: 10, first: 1 });
    covers_everything_once(DEFAULT_LINEAR);
    let mut wanted = Wanted { enabled: true, ..Wanted::default() };
    wanted.configure(HistogramConfiguration::log(LogHistogram::default()));
    wanted.buckets(20);
    let rows = wanted.build(2).expect("it is enabled");
    assert_eq!(rows.iter().map(Buckets::len).collect::<Vec<_>>(), [20, 20], "what was said in the old way counts");
    rows[1].record(150_000);
    assert_eq!((rows[1].get(1), rows[0].get(1)), (1, 0));
}

#[test]
fn the_defaults_are_tokios() {
    let log = LogHistogram::default();
    assert_eq!(log.num_buckets, 119);
    let shape = Shape::H2(log);
    assert_eq!((shape.range(0), shape.range(1)), (0..96, 96..112));
    assert!(LogHistogram::builder().max_buckets(118).is_err());
    assert_eq!(LogHistogram::builder().max_buckets(119).expect("that is enough"), log);
    let error = LogHistogram::builder().max_buckets(1).expect_err("two at least");
    assert!(error.to_string().contains("119"), "{error}");
}

proptest! {
    #[test]
    fn every_duration_has_one_bucket(min in 1u64..20_000_000_000, more in 1u64..1_000_000_000_000, p in 0u32..=10) {
        let max = min + more;
        let builder = LogHistogram::builder()
            .min_value(Duration::from_nanos(min))
            .max_value(Duration::from_nanos(max))
            .precision_exact(p);
        let log = builder.build();
        let shape = Shape::H2(log);
        covers_everything_once(shape);
        let last = log.num_buckets - 1;
        prop_assert!(shape.range(0).end <= min, "the first bucket holds what is shorter than {min} only");
        prop_assert!(shape.range(last).start > max, "the last bucket holds what is longer than {max} only");
        prop_assert!(shape.range(last - 1).start <= max, "no bucket too many");
        prop_assert_eq!(log.max_value(), shape.range(last).start);
        for bucket in 1..last {
            let range = shape.range(bucket);
            let width = range.end - range.start;
            prop_assert!(width << p <= range.start.max(1 << p), "bucket {bucket} of {log:?} is too wide: {range:?}");
        }
    }
}
