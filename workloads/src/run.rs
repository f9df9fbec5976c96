//! One run, from the building of the runtime to the diagnosis: alike for every workload.
//!
//! ```text
//!  this thread      build ── start ─┬── a line a second ──┬─ stop sampling ─ wait ─ conservation ─ shut down ─ diagnose
//!  sampler thread                   ╰── glances ──────────╯
//!  load thread                      ╰── workload.drive(): offers the load ──── winds down ─╯
//! ```
//!
//! None of the three threads belongs to the runtime, so a stuck runtime is watched, loaded and ended like any other. The
//! windows cover the time in which the load was offered; winding down is not judged.
//!
//! After the run, when nothing is under way any more, the conservation laws are checked: a breach is a bug of the runtime
//! and makes the command fail, whatever the verdict says.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gumption::introspect::diagnose::{Diagnosis, Evidence, Load, Sampler, Sampling, diagnose};
use gumption::runtime::{Builder, Handle};
use gumption::stats::SchedulerStats;

use crate::live::Live;
use crate::proof::Proven;
use crate::prove;
use crate::workload::{Plan, Run, Until, Workload};

/// Windows that a run is cut into, if they are long enough.
const WINDOWS: u32 = 16;
/// The shortest window: a hundred glances.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
/// How long the runtime may take to come to rest once the load has ended and every task has said that it is over.
const REST: Duration = Duration::from_secs(30);

/// What came of a run.
pub struct Outcome {
    /// The workload.
    pub workload: &'static dyn Workload,
    /// The run as asked for.
    pub plan: Plan,
    /// The scheduler at the moment when the load ended.
    pub stats: SchedulerStats,
    /// The windows.
    pub evidence: Evidence,
    /// The verdicts.
    pub diagnosis: Diagnosis,
    /// What the users of the workload saw.
    pub seen: Vec<String>,
    /// What was proven, if the workload has asked for it.
    pub proven: Option<Proven>,
    /// Tasks that were called dead when the load ended.
    pub dead: u64,
    /// Conservation laws that did not hold at rest: bugs.
    pub breaches: Vec<String>,
}

/// Runs `workload` as planned.
///
/// # Errors
/// One line, when the runtime or a thread cannot be started, or the workload panicked.
pub fn run(workload: &'static dyn Workload, plan: Plan, live: &Live) -> Result<Outcome, String> {
    let mut builder = Builder::new_multi_thread();
    builder.processors(plan.processors).enable_all();
    workload.shape(&plan, &mut builder);
    let runtime = builder.enable_all().build().map_err(|error| format!("the runtime does not start: {error}"))?;
    let handle = runtime.handle().clone();

    let sampling =
        Sampling { window: (plan.length / WINDOWS).max(SHORTEST_WINDOW), load: Load::Constant, ..Sampling::default() };
    let sampler = Sampler::start(handle.clone(), sampling)
        .map_err(|error| format!("the sampler's thread does not start: {error}"))?;

    let begun = Instant::now();
    let until = Until(begun + plan.length);
    let runtime = Arc::new(Mutex::new(Some(runtime)));
    let proven = Arc::default();
    let load = Run {
        plan: plan.clone(),
        handle: handle.clone(),
        until,
        runtime: Arc::clone(&runtime),
        proven: Arc::clone(&proven),
    };
    let driver = thread::Builder::new()
        .name("load".into())
        .spawn(move || workload.drive(&load))
        .map_err(|error| format!("the load's thread does not start: {error}"))?;
    watch(&handle, begun, &plan, live);

    let stats = handle.stats();
    let dead = prove::dead(&handle);
    let evidence = sampler.finish();
    let seen = driver.join().map_err(|_| format!("the workload {} panicked", workload.id()))?;
    let proven = *proven.lock().unwrap_or_else(PoisonError::into_inner);
    let breaches = at_rest(&handle);
    let long_polls = handle.long_polls();
    let runtime = runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(runtime);
    let mut diagnosis = diagnose(&evidence);
    diagnosis.locate(|task| {
        let site = long_polls.iter().find(|poll| poll.task == task)?.spawned_at?;
        Some(format!("{}:{}", site.file(), site.line()))
    });
    Ok(Outcome { workload, plan, stats, evidence, diagnosis, seen, proven, dead, breaches })
}

/// Shows a line a second until the load's time is over.
fn watch(handle: &Handle, begun: Instant, plan: &Plan, live: &Live) {
    let step = Duration::from_millis(100);
    let mut earlier = handle.stats();
    let mut second = 1;
    while let Some(left) = plan.length.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        thread::sleep(step.min(left));
        live.tick(begun.elapsed().min(plan.length));
        if begun.elapsed() >= Duration::from_secs(second) {
            let now = handle.stats();
            live.second(second, &now, &now.since(&earlier));
            earlier = now;
            second += 1;
        }
    }
    live.end();
}

/// The laws that do not hold once the runtime has come to rest.
fn at_rest(handle: &Handle) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let breaches = handle.stats().conservation();
        if breaches.is_empty() || begun.elapsed() > REST {
            return breaches.iter().map(ToString::to_string).collect();
        }
        // The last tasks have said that they are over from inside their last poll; the poll itself ends a little later.
        thread::sleep(Duration::from_millis(2));
    }
}
