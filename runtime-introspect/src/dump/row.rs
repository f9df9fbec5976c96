//! Level 2: one task, told in full.
//!
//! Here are the costs that level 1 avoids: strings, the facts of the resource that is waited for, and for sockets what they are
//! connected to, which takes system calls. So it is done for the tasks that are listed, and for no other.

use std::borrow::Cow;

use gumption_core::resource::{self, Facts};
use gumption_core::runtime::Handle;
use gumption_core::task::Row;
use gumption_core::task::labels::Set;
use gumption_core::wait::WaitReason::{
    self, BlockingPool, IoAccept, IoConnect, IoRead, IoWrite, Join, Process, Select, Signal, Sleep, Unknown, Yield,
};

use super::scene::{Scene, Seen};
use super::{ResourceDump, Site, TaskDump, Wait};

/// One task. `describe`: whether system calls may be made to say more of its wait.
pub(super) fn tell(row: &Row, seen: Seen, scene: &Scene, handle: Option<&Handle>, describe: bool) -> TaskDump {
    let wait = seen.reason.map(|reason| Wait {
        text: words(reason, row.resource, handle.filter(|_| describe)),
        reason: Cow::Borrowed(reason.text()),
        resource: row.resource,
        since: row.since,
        age_ns: seen.in_state_ns.unwrap_or(0),
        facts: facts(reason, row.resource),
    });
    TaskDump {
        id: row.id.as_u64(),
        name: row.name().map(|name| name.to_string()),
        type_name: Cow::Borrowed(row.type_name()),
        state: seen.state,
        wait,
        spawned_at: Site::from(row.site),
        labels: row.labels().map(|set| pairs(&set)).unwrap_or_default(),
        age_ns: if row.born == 0 { 0 } else { scene.now.saturating_sub(row.born) },
        polls: row.polls,
        busy_ns: row.busy_ns,
        last_processor: row.last_processor,
        state_ns: seen.in_state_ns,
        machine: seen.machine,
        wakers: row.bits.wakers(),
        ..TaskDump::default()
    }
}

/// Labels, as a dump has them.
pub(super) fn pairs(set: &Set) -> Vec<(String, String)> {
    set.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// What is waited for, in words.
fn words(reason: WaitReason, resource: u64, handle: Option<&Handle>) -> Cow<'static, str> {
    let described = match reason {
        IoRead | IoWrite | IoAccept | IoConnect => handle
            .and_then(|handle| handle.describe(reason, resource))
            .or_else(|| Some(format!("{reason} fd {resource}"))),
        Join if resource != 0 => Some(format!("{reason} task {resource}")),
        BlockingPool => Some(format!("{reason} closure {resource}")),
        Signal | Process => Some(format!("{reason} {resource}")),
        Select => Some(format!("{reason} of {resource}")),
        _ => None,
    };
    described.map_or(Cow::Borrowed(reason.text()), Cow::Owned)
}

/// The facts of a resource that is one of ours. What other reasons have for a number is none of a resource's, though there may
/// be one of that number.
fn facts(reason: WaitReason, resource: u64) -> Option<ResourceDump> {
    let found = match reason {
        IoRead | IoWrite | IoAccept | IoConnect | Signal | Process | Select | Sleep | Yield | BlockingPool | Join
        | Unknown => None,
        _ => resource::find(resource),
    };
    found.map(|facts| ResourceDump::from(&facts))
}

impl From<&Facts> for ResourceDump {
    fn from(facts: &Facts) -> Self {
        Self {
            id: facts.id,
            kind: facts.kind.text().to_owned(),
            made_at: Site::from(facts.site),
            owner: facts.owner,
            holders: facts.holders,
            waiters: facts.waiters,
            depth: facts.depth,
            capacity: facts.capacity,
        }
    }
}
