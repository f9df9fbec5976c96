//! Who looks at the runtimes from one request to the next: a thread of the server, and who asks for leaks.
//!
//! The thread looks once a second, which costs a snapshot of the stats for each runtime, and for leaks every [`LEAKS`], where there
//! are not too many tasks for that. Whoever asks for leaks in between is answered afresh, and what was found is kept for the
//! metrics (`known.rs`).

use std::time::{Duration, Instant};

use gumption_core::runtime::Handle;

use super::house::House;
use crate::cost;
use crate::leaks::Leaks;
use crate::metrics::WALK;

/// How often health is looked after.
const HEALTH: Duration = Duration::from_secs(1);
/// How often leaks are looked for when nobody asks.
const LEAKS: Duration = Duration::from_secs(15);

/// Looks for leaks now, and remembers them. Suspicion grows with each look.
pub fn leaks(house: &House, handle: &Handle) -> Leaks {
    let mut watcher = house.known().take_watcher(handle.id());
    let leaks = watcher.look(handle);
    house.known().found(handle.id(), &leaks, watcher);
    leaks
}

/// What the thread does until the server stops.
pub fn look_after(house: &House) {
    let mut looked: Option<Instant> = None;
    while !house.pause(HEALTH) {
        let _cost = cost::of(cost::Part::Health);
        let handles = house.runtimes();
        let due = looked.is_none_or(|looked| looked.elapsed() >= LEAKS);
        if due {
            looked = Some(Instant::now());
            for handle in &handles {
                if handle.stats().totals.tasks_live <= WALK {
                    leaks(house, handle);
                }
            }
        }
        let mut known = house.known();
        known.retain(&handles);
        for handle in &handles {
            known.health(handle);
        }
    }
}
