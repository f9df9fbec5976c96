//! [`Scene`]: what a task's record does not say by itself: which tasks are on a machine, and what time it is.
//!
//! A record's state word tells a waiting task from one that has been woken; whether the latter stands in a queue or is in a poll
//! is the machines' to say. So the machines are asked first, and the records read afterwards: a task that came to wait in between
//! waits, because its own word is the later one, and one that has begun to run in between is still shown in its queue.
//!
//! Reads only. What it asks for takes the two short locks of `stats()`, the list of machines' and the blocking pool's, which are
//! never held while user code runs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use gumption_core::counters;
use gumption_core::runtime::Handle;
use gumption_core::stats::{MachineState, SchedulerStats};
use gumption_core::task::Row;
use gumption_core::wait::WaitReason;

use super::State;

/// Numbers, spread by one multiplication: ids and addresses need no more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

/// What hashes so.
pub(super) type Spreading = BuildHasherDefault<Spread>;

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ mixed >> 32;
    }
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }
}

/// A task that an M runs.
#[derive(Clone, Copy, Debug)]
struct OnMachine {
    machine: usize,
    blocked: bool,
    poll_ns: Option<u64>,
}

/// A runtime at the moment of a dump.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// By the clock of `Row::since`.
    pub(super) now: u64,
    pub(super) stats: SchedulerStats,
    running: HashMap<u64, OnMachine, Spreading>,
}

/// A task's state, as its record and the machines have it together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: State,
    /// What it waits for, if it does.
    pub(super) reason: Option<WaitReason>,
    /// How long it has been in its state, if that is known.
    pub(super) in_state_ns: Option<u64>,
    /// The M that runs it.
    pub(super) machine: Option<usize>,
}

impl Scene {
    /// The machines' part.
    pub(super) fn of(handle: &Handle) -> Self {
        let stats = handle.stats();
        let mut running = HashMap::with_hasher(Spreading::default());
        for machine in &stats.machines {
            let Some(task) = machine.task.filter(|_| machine.state != MachineState::Dead) else { continue };
            let processor = machine.processor.and_then(|id| stats.processors.iter().find(|row| row.id == id));
            let poll_ns = processor.filter(|row| row.task == Some(task)).and_then(|row| row.current_poll_ns);
            let blocked = machine.state == MachineState::Blocked;
            running.insert(task, OnMachine { machine: machine.id, blocked, poll_ns });
        }
        Self { now: handle.clock_ns(), stats, running }
    }

    /// A scene without machines, for tasks that say everything themselves.
    pub(super) fn at(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    /// What a task does; none if it is over.
    #[inline]
    pub(super) fn see(&self, row: &Row) -> Option<Seen> {
        let bits = row.bits;
        if bits.is_complete() {
            return None;
        }
        if bits.is_idle() {
            let state = if bits.is_stranded() { State::Stranded } else { State::Waiting };
            // A leaf that says nothing does not say since when, either.
            let said = row.since != 0 && row.wait != WaitReason::Unknown;
            let in_state_ns = said.then(|| self.now.saturating_sub(row.since));
            return Some(Seen { state, reason: Some(row.wait), in_state_ns, machine: None });
        }
        let Some(on) = self.running.get(&row.id.as_u64()) else {
            // One that was never polled has been runnable since it was spawned; of others nobody noted when they were woken.
            let fresh = counters::ENABLED && row.polls == 0 && row.born != 0;
            let in_state_ns = fresh.then(|| self.now.saturating_sub(row.born));
            return Some(Seen { state: State::Runnable, reason: None, in_state_ns, machine: None });
        };
        let state = if on.blocked { State::Blocked } else { State::Running };
        Some(Seen { state, reason: None, in_state_ns: on.poll_ns, machine: Some(on.machine) })
    }
}
