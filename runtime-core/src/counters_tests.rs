//! The counters' algebra, and that the list is one list.

use super::*;

/// A snapshot whose fields are all different: `FIELDS[i]` is `scale * (i + 1)`.
#[cfg(feature = "stats")]
fn ramp(scale: u64) -> CountersSnapshot {
    let live = Counters::<Counter>::default();
    live.ticks.add(scale);
    live.polls.add(2 * scale);
    live.busy_ns.add(CountersSnapshot::FIELDS.len() as u64 * scale);
    live.snapshot()
}

#[test]
fn every_counter_has_a_name_of_its_own_and_a_meaning() {
    let mut names: Vec<_> = CountersSnapshot::FIELDS.iter().map(|field| field.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CountersSnapshot::FIELDS.len());
    for field in CountersSnapshot::FIELDS {
        assert!(field.meaning.ends_with('.'), "{}: {}", field.name, field.meaning);
        assert_eq!(field.name.ends_with("_ns"), field.unit == Unit::Nanoseconds, "{}", field.name);
    }
}

#[cfg(feature = "stats")]
#[test]
fn a_reader_sees_what_the_writer_added() {
    let snapshot = ramp(3);
    assert_eq!((snapshot.ticks, snapshot.polls), (3, 6));
    let by_name = |name: &str| CountersSnapshot::FIELDS.iter().find(|field| field.name == name).unwrap().get;
    assert_eq!(by_name("polls")(&snapshot), 6);
    assert_eq!(by_name("busy_ns")(&snapshot), 3 * CountersSnapshot::FIELDS.len() as u64);
    assert_eq!(by_name("parks")(&snapshot), 0);
}

#[cfg(feature = "stats")]
#[test]
fn plus_and_since_undo_each_other_and_since_stops_at_zero() {
    let (small, large) = (ramp(1), ramp(5));
    assert_eq!(small.plus(&large).since(&small), large);
    assert_eq!(small.since(&large), CountersSnapshot::default());
}

#[cfg(feature = "stats")]
#[test]
fn rates_are_per_second_and_an_empty_window_has_none() {
    let counts = ramp(10);
    assert_eq!(counts.rates(2_000_000_000).polls, 10.0);
    assert_eq!(counts.rates(500_000_000).ticks, 20.0);
    assert_eq!(counts.rates(0), CounterRates::default());
}

#[cfg(feature = "stats")]
#[test]
fn one_writer_loses_nothing_beside_readers_and_never_goes_back() {
    const ADDS: u64 = 100_000;
    let counters = std::sync::Arc::new(Counters::<Counter>::default());
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let counters = counters.clone();
            std::thread::spawn(move || {
                let mut last = 0;
                while last < ADDS {
                    let seen = counters.snapshot().polls;
                    assert!(seen >= last, "a counter went from {last} back to {seen}");
                    last = seen;
                }
            })
        })
        .collect();
    for _ in 0..ADDS {
        counters.polls.inc();
    }
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(counters.snapshot().polls, ADDS);
}

#[cfg(feature = "stats")]
#[test]
fn many_writers_of_the_shared_set_lose_nothing() {
    let counters = std::sync::Arc::new(Counters::<SharedCounter>::default());
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let counters = counters.clone();
            std::thread::spawn(move || (0..10_000).for_each(|_| counters.wakes_remote.inc()))
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(counters.snapshot().wakes_remote, 40_000);
}

#[cfg(not(feature = "stats"))]
#[test]
fn without_the_feature_counters_have_no_size_and_count_nothing() {
    let counters = Counters::<Counter>::default();
    counters.polls.inc();
    counters.spin_ns.raise_to(7);
    assert_eq!(size_of::<Counters<Counter>>() + size_of::<Counters<SharedCounter>>(), 0);
    assert_eq!(counters.snapshot(), CountersSnapshot::default());
}
