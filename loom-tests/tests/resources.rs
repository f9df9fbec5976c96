//! Models of the resources' records: what an observer reads of one that changes hands meanwhile.
#![cfg(gumption_loom)]

use gumption_core::resource::{Facts, Kind, Record};
use gumption_core::sync::{Arc, thread};
use gumption_loom_tests::{model, mutants};
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

mutants! {
    resource_read_vs_reuse: ["resource-no-release-fence", "resource-id-relaxed", "resource-no-acquire-fence"];
}
