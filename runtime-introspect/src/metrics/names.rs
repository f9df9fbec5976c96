//! What the label `runtime` says: a runtime's name, else its number, and never the same of two.
//!
//! The first that has a name keeps it for as long as it lives; another one of that name is `name-3`, by its number. Who has
//! which is kept here, because a label that changed while its runtime lives would make counters jump. Names of runtimes that are over are
//! given free when the next one is given out.

use std::sync::{Mutex, PoisonError};

use gumption_core::runtime::{Handle, Id, running};

static GIVEN: Mutex<Vec<(Id, String)>> = Mutex::new(Vec::new());

/// The label of this runtime.
pub(super) fn of(handle: &Handle) -> String {
    let id = handle.id();
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, label)) = given.iter().find(|(known, _)| *known == id) {
        return label.clone();
    }
    let alive: Vec<Id> = running().iter().map(Handle::id).collect();
    given.retain(|(known, _)| alive.contains(known));
    let taken = |label: &str| given.iter().any(|(_, other)| other == label);
    let mut label = handle.name().map_or_else(|| id.to_string(), str::to_string);
    while taken(&label) {
        label = format!("{label}-{id}");
    }
    given.push((id, label.clone()));
    label
}
