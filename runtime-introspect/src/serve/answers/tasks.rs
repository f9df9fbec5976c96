//! Tasks, and what they wait for.

use gumption_core::resource::{self, Facts};
use serde::Serialize;

use crate::serve::house::Ask;
use crate::serve::response::{Answer, Response};

/// Everything that tasks have waited for.
pub fn resources(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Resources {
        resources: Vec<Row>,
    }
    let _permit = ask.one_dump()?;
    let mut resources: Vec<Row> = resource::snapshot().iter().map(Row::from).collect();
    resources.sort_by_key(|row| (std::cmp::Reverse(row.waiters), row.id));
    Response::json(&Resources { resources })
}

/// [`Facts`], to be written.
#[derive(Serialize)]
struct Row {
    id: u64,
    kind: &'static str,
    made_at: String,
    owner: Option<u64>,
    holders: u64,
    waiters: u64,
    depth: u64,
    capacity: u64,
    sends: u64,
    receives: u64,
    waits: u64,
    wait_ns: u64,
    holds: u64,
    hold_ns: u64,
}

impl From<&Facts> for Row {
    fn from(facts: &Facts) -> Self {
        Self {
            id: facts.id,
            kind: facts.kind.text(),
            made_at: format!("{}:{}", facts.site.file(), facts.site.line()),
            owner: (facts.owner != 0).then_some(facts.owner),
            holders: facts.holders,
            waiters: facts.waiters,
            depth: facts.depth,
            capacity: facts.capacity,
            sends: facts.sends,
            receives: facts.receives,
            waits: facts.waits,
            wait_ns: facts.wait_ns,
            holds: facts.holds,
            hold_ns: facts.hold_ns,
        }
    }
}
