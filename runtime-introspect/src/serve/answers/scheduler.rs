//! The scheduler: its trace line, its counters, its long polls.

use gumption_core::stats::SchedulerStats;
use serde::Serialize;

use super::Each;
use crate::serve::house::{Ask, title};
use crate::serve::response::{Answer, Response};

/// Go's line, for each runtime.
pub fn sched(ask: &Ask<'_>) -> Answer {
    let detail = ask.request.query.flag("detail", false)?;
    let _permit = if detail { Some(ask.one_dump()?) } else { None };
    let handles = ask.runtimes()?;
    let mut text = String::new();
    for handle in &handles {
        if handles.len() > 1 {
            text.push_str(&format!("# runtime {}\n", title(handle)));
        }
        text.push_str(&handle.schedtrace(detail));
    }
    Ok(Response::text(text))
}

/// Every counter and gauge.
pub fn stats(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Counted {
        stats: SchedulerStats,
    }
    Response::json(&Each::of(&ask.runtimes()?, |handle| Counted { stats: handle.stats() }))
}

/// Polls that lasted.
pub fn long_polls(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Lasted {
        task: u64,
        spawned_at: Option<String>,
        processor: usize,
        thread_id: u64,
        lasted_ns: u64,
        at_ns: u64,
    }
    #[derive(Serialize)]
    struct Polls {
        /// What counts as long.
        slice_ns: u64,
        long_polls: Vec<Lasted>,
    }
    Response::json(&Each::of(&ask.runtimes()?, |handle| {
        let polls = handle.long_polls();
        let lasted = polls.iter().map(|poll| Lasted {
            task: poll.task,
            spawned_at: poll.spawned_at.map(|site| format!("{}:{}", site.file(), site.line())),
            processor: poll.processor,
            thread_id: poll.thread_id,
            lasted_ns: u64::try_from(poll.lasted.as_nanos()).unwrap_or(u64::MAX),
            at_ns: poll.at_ns,
        });
        Polls { slice_ns: handle.stats().config.slice_ns, long_polls: lasted.collect() }
    }))
}
