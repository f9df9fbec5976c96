//! Models of the resources' records: what an observer reads of one that changes hands meanwhile.
#![cfg(gumption_loom)]

use gumption_core::resource::{Facts, Holder, Holders, Kind, Record};
use gumption_core::sync::{Arc, thread};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::panic::Location;

fn mutex_site() -> &'static Location<'static> {
    Location::caller()
}

fn notify_site() -> &'static Location<'static> {
    Location::caller()
}

/// Each life has a kind, a site and an owner of its own: a copy that mixes two of them is noticed.
fn demand_whole(facts: &Facts) {
    let (site, owners) = match facts.kind {
        Kind::Mutex => (mutex_site(), [0, 1]),
        Kind::Notify => (notify_site(), [0, 2]),
        kind => panic!("torn: {kind}"),
    };
    assert_eq!(facts.site, site, "torn: {facts:?}");
    assert!(owners.contains(&facts.owner), "torn: {facts:?}");
}

/// A record ends a life and begins another under an observer's eyes: each copy is of one life.
#[test]
fn resource_read_vs_reuse() {
    model(1, || {
        let record = Arc::new(Record::free(0));
        record.begin(Kind::Mutex, mutex_site());
        let observer = {
            let record = record.clone();
            thread::spawn(move || {
                if let Some(facts) = record.facts() {
                    demand_whole(&facts);
                }
            })
        };
        record.set_owner(1);
        record.end();
        record.begin(Kind::Notify, notify_site());
        record.set_owner(2);
        observer.join().expect("the observer does not panic");
        assert_eq!(record.facts().map(|facts| facts.owner), Some(2), "at rest it is read");
    });
}

fn holder(task: u64) -> Holder {
    Holder { task, permits: 1, travels: false }
}

/// Two tasks that take permits at the same time, and begin in the same place, are both written down; one leaves.
#[test]
fn holders_have_places_of_their_own() {
    model(UNBOUNDED, || {
        let record = Arc::new(Record::free(0));
        record.begin(Kind::Semaphore, mutex_site());
        record.make_sharers();
        let sharers = |record: &Record, f: &dyn Fn(&Holders)| record.sharers().map(f).expect("they were made");
        let other = {
            let record = record.clone();
            thread::spawn(move || {
                sharers(&record, &|sharers| assert!(sharers.enter(holder(15)).is_some()));
            })
        };
        sharers(&record, &|sharers| {
            let place = sharers.enter(holder(1));
            assert_eq!(sharers.holder(place), Some(holder(1)), "nobody else is written down there");
            sharers.change(place, 0);
        });
        other.join().expect("it does not panic");
        assert_eq!(record.shares(record.id()).map(|shares| shares.holders), Some(vec![holder(15)]));
    });
}

/// A record ends a life and begins another under an observer's eyes: who is read as a holder has permits of the resource that was
/// asked for, and who is read as the front waits for it.
#[test]
fn holder_place_vs_reuse() {
    model(2, || {
        let record = Arc::new(Record::free(0));
        record.begin(Kind::Semaphore, mutex_site());
        record.make_sharers();
        let first = record.id();
        let observer = {
            let record = record.clone();
            thread::spawn(move || {
                for (life, task) in [(first, 1), (first + (1 << 24), 2)] {
                    let shares = record.shares(life).unwrap_or_default();
                    assert!(shares.front == 0 || shares.front == task, "of another life");
                    for found in shares.holders {
                        assert_eq!(found, holder(task), "of another life");
                    }
                }
            })
        };
        // It is never let go: a guard that is forgotten.
        let _forgotten = record.sharers().map(|sharers| sharers.enter(holder(1)));
        record.end();
        record.begin(Kind::Semaphore, notify_site());
        let _kept = record.sharers().map(|sharers| {
            sharers.set_front(2, 0);
            sharers.enter(holder(2))
        });
        observer.join().expect("the observer does not panic");
        assert_eq!(
            record.shares(record.id()).map(|shares| shares.holders),
            Some(vec![holder(2)]),
            "at rest it is read"
        );
    });
}

mutants! {
    holders_have_places_of_their_own: ["holders-enter-no-cas"];
    holder_place_vs_reuse: ["holders-no-acquire-fence", "holders-of-the-last-life", "resource-no-release-fence"];
    resource_read_vs_reuse: ["resource-no-release-fence", "resource-id-relaxed", "resource-no-acquire-fence"];
}
