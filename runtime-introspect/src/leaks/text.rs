//! What was found, to be read by people.
//!
//! Each task that matters is named with its id and where it was spawned, each resource with where it was made. Groups that are long
//! are cut, and say so.

use std::fmt;

use gumption_core::resource::Kind;

use super::model::{Cycle, Leaks, Proven, Suspect, Why};
use crate::dump::ResourceDump;
use crate::dump::text::{Age, counted};
use crate::graph::Party;
use crate::stack::fold::without_closures;

/// Ids that a line tells.
const TOLD: usize = 8;

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            writeln!(
                f,
                "no leaks: {} looked at, none proven dead, no deadlock, no suspects",
                counted(self.tasks, "task")
            )?;
        }
        for cycle in &self.deadlocks {
            writeln!(f, "{cycle}")?;
        }
        if !self.proven.is_empty() {
            let dead = self.proven.iter().map(|proven| proven.count).sum();
            writeln!(f, "proven dead: {} can never run again", counted(dead, "task"))?;
            for proven in &self.proven {
                write!(f, "{proven}")?;
            }
            writeln!(f)?;
        }
        if !self.suspects.is_empty() {
            writeln!(f, "suspected, not proven:")?;
            for suspect in &self.suspects {
                write!(f, "{suspect}")?;
            }
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.steps.first() else { return Ok(()) };
        match self.steps.len() as u64 {
            1 => writeln!(f, "deadlock: a task waits for itself")?,
            tasks => writeln!(f, "deadlock: {} wait for each other in a circle", counted(tasks, "task"))?,
        }
        for (at, step) in self.steps.iter().enumerate() {
            let next = &self.steps.get(at + 1).unwrap_or(first).task;
            let waited = Age(step.age_ns);
            write!(f, "    {} has waited {waited} for ", step.task)?;
            match &step.resource {
                Some(resource) => {
                    let how = if step.behind { "behind" } else { "acquired by" };
                    writeln!(f, "{} [{}], {how} task {}", named(resource), step.wait, next.id)?;
                }
                None => writeln!(f, "the end of task {} [{}]", next.id, step.wait)?,
            }
        }
        let semaphores = self.steps.iter().filter_map(|step| step.resource.as_ref()).filter(|of| is_semaphore(of));
        let mut semaphores: Vec<u64> = semaphores.map(|semaphore| semaphore.id).collect();
        semaphores.sort_unstable();
        semaphores.dedup();
        for semaphore in semaphores {
            writeln!(f, "    unless somebody adds permits to semaphore {semaphore} for the first time, or closes it")?;
        }
        if self.behind > 0 {
            writeln!(f, "    behind them: {}: {}", counted(self.behind, "task"), ids(&self.behind_tasks, self.behind))?;
        }
        Ok(())
    }
}

impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, spawned_at, type_name, wait, oldest_ns, why, .. } = self;
        let (future, age) = (without_closures(type_name), Age(*oldest_ns));
        let is_main = self.tasks.first().is_some_and(|task| task.is_main);
        let made = if is_main { "in the block_on called at" } else { "spawned at" };
        writeln!(f, "    {count} x {future} {made} {spawned_at} [{wait}, {age}]")?;
        if let Some(resource) = &self.resource {
            writeln!(f, "        waits for {}", named(resource))?;
            if is_semaphore(resource) && *why != Why::NoWaker {
                writeln!(f, "        unless somebody adds permits to it for the first time, or closes it")?;
            }
        }
        match why {
            Why::NoWaker => writeln!(f, "        idle, and nothing is left that could wake it")?,
            Why::Behind(task) => writeln!(f, "        waits for {task}, which is dead")?,
        }
        writeln!(f, "        {}", ids(&self.tasks, *count))
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, spawned_at, type_name, wait, oldest_ns, why, .. } = self;
        let (future, age) = (without_closures(type_name), Age(*oldest_ns));
        writeln!(f, "    {count} x {future} spawned at {spawned_at} [{wait}, {age}]")?;
        writeln!(f, "        {why}")?;
        writeln!(f, "        {}", ids(&self.tasks, *count))
    }
}

/// Whether others than who has its permits can let a waiter go on, by adding some.
fn is_semaphore(resource: &ResourceDump) -> bool {
    resource.kind == Kind::Semaphore.text()
}

/// `mutex 1025, made at src/db.rs:10`
fn named(resource: &ResourceDump) -> String {
    format!("{} {}, made at {}", resource.kind, resource.id, resource.made_at)
}

/// `task 7 "reader", 8, 9 and 300 more`
fn ids(tasks: &[Party], of: u64) -> String {
    let told = tasks.iter().take(TOLD).map(|task| match &task.name {
        Some(name) => format!("{} {name:?}", task.id),
        None => task.id.to_string(),
    });
    let told: Vec<String> = told.collect();
    let more = of.saturating_sub(told.len() as u64);
    let list = told.join(", ");
    match more {
        0 => format!("task {list}"),
        more => format!("task {list} and {more} more"),
    }
}
