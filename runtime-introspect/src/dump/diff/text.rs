//! A difference as text: the sum, the places that have changed, and a few tasks of each list.

use std::fmt::{self, Display, Formatter};

use super::{Changed, Diff, Growth, grown};
use crate::dump::text::Age;

/// How many tasks of a list are named, and how many places.
const NAMED: usize = 20;

impl Display for Diff {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let growth = grown(self.before, self.after);
        write!(f, "{} apart: {} tasks before, {} after ({growth:+})", span(self.span_ms), self.before, self.after)?;
        if let Some(requests) = self.requests {
            write!(f, ", {requests} requests")?;
        }
        writeln!(f)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        if self.by_task {
            let same = self.same.len() as u64 + self.young;
            let (new, gone) = (self.new.len(), self.gone.len());
            writeln!(f, "{new} new, {gone} gone, {same} in the same wait, {} moved on", self.moved)?;
        }
        let changed = |site: &&Growth| site.growth != 0 || site.new + site.gone + site.same > 0;
        let sites: Vec<&Growth> = self.sites.iter().filter(changed).collect();
        if !sites.is_empty() {
            writeln!(f)?;
        }
        for site in sites.iter().take(NAMED) {
            write!(f, "{:+} spawned at {}: {} -> {}", site.growth, site.spawned_at, site.before, site.after)?;
            if let Some(number) = site.per_request {
                write!(f, ", {number:+.2} a request")?;
            }
            if self.by_task {
                write!(f, ", {} new, {} gone, {} in the same wait", site.new, site.gone, site.same)?;
            }
            writeln!(f)?;
            for class in site.classes.iter().filter(|class| class.before != class.after) {
                writeln!(f, "\t[{}] {} -> {}", class.class, class.before, class.after)?;
            }
        }
        more(f, sites.len())?;
        list(f, "new", &self.new)?;
        list(f, "gone", &self.gone)?;
        list(f, "in the same wait", &self.same)
    }
}

fn list(f: &mut Formatter<'_>, what: &str, tasks: &[Changed]) -> fmt::Result {
    if tasks.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{what}:")?;
    for task in tasks.iter().take(NAMED) {
        write!(f, "task {} ", task.id)?;
        if let Some(name) = &task.name {
            write!(f, "{name:?} ")?;
        }
        write!(f, "[{}", task.class)?;
        if let Some(ns) = task.state_ns {
            write!(f, ", {}", Age(ns))?;
        }
        writeln!(f, "] spawned at {}", task.spawned_at)?;
    }
    more(f, tasks.len())
}

fn more(f: &mut Formatter<'_>, count: usize) -> fmt::Result {
    match count.checked_sub(NAMED) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "... and {more} more"),
    }
}

fn span(ms: u64) -> Age {
    Age(ms.saturating_mul(1_000_000))
}
