//! The endpoints: one table, from which requests are routed, the index page is written, and the tests know what to ask for.
//!
//! Each row says what its numbers mean, so that a reader of the page needs no other book. A path without a row is a 404 that
//! says where the rows are; a method without one a 405 that says which there is.

use std::any::Any;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::answers::{judged, process, profiles, scheduler, tasks};
use super::house::{Ask, House};
use super::index;
use super::request::{Method, Request};
use super::response::{Answer, Refusal, Response, Status};

/// One thing that can be asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its path.
    pub path: &'static str,
    /// `GET`, or `POST` if it changes something.
    pub method: &'static str,
    /// What it answers, and what that means.
    pub about: &'static str,
    /// What may stand behind the `?`, besides `token` and `runtime`.
    pub parameters: &'static [Parameter],
    answer: fn(&Ask<'_>) -> Answer,
}

/// A parameter of an [`Endpoint`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its values, and what they do.
    pub about: &'static str,
}

macro_rules! endpoints {
    ($($method:ident $path:literal $answer:path { $($parameter:literal: $meaning:literal),* $(,)? } $about:literal;)*) => {
        /// Everything that can be asked for, in the order of the index page.
        pub static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            path: $path,
            method: stringify!($method),
            about: $about,
            parameters: &[$(Parameter { name: $parameter, about: $meaning }),*],
            answer: $answer,
        }),*];
    };
}

endpoints! {
    GET "/" index::page {}
        "This page: what there is, and what it means.";
    GET "/debug/sched" scheduler::sched { "detail": "1: a line for each P, M and G, too" }
        "The line that GUMPTION_SCHEDTRACE prints: Go's schedtrace, field for field. Gauges of this moment.";
    GET "/debug/stats" scheduler::stats {}
        "SchedulerStats of each runtime as JSON: every counter since the start, every gauge now, histograms in nanoseconds. \
         Two of them tell what happened in between.";
    GET "/debug/tasks" tasks::tasks {
        "level": "1: groups of tasks that look the same; 2: every task (1)",
        "stacks": "1: where tasks wait, too: each is polled once more; and where what runs is: it is interrupted by a signal",
        "format": "text, go, json or folded (text)",
        "label": "only tasks with this label, tenant:acme; several: with all of them",
        "state": "only runnable, running, blocked, waiting or stranded ones; several: any of them",
        "reason": "only those that wait for this, chan receive; several: any of them",
        "min_age": "only those that have been in their state for so long",
        "site": "only those that were spawned there, src/main.rs:40 or a part of it; several: any of them",
        "limit": "at most so many rows (20000); how many were cut off is said",
        "deadline": "how long the costly parts may take (2)",
    }
        "A dump: what every task is doing, what it waits for and for how long, where it was spawned. Nothing is stopped for it: \
         each row is whole, and the rows are not of one moment.";
    GET "/debug/leaks" judged::leaks { "format": "json or text" }
        "Tasks that can never run again, proven; tasks that wait for each other in a circle; and apart from those, suspects.";
    GET "/debug/waitgraph" judged::wait_graph { "format": "json or dot, for Graphviz" }
        "Who waits for whom: tasks, what they wait for, and who has that. An exact edge is certain, the others say what was known last.";
    GET "/debug/ring" tasks::ring {
        "number": "the snapshot of this number; without: the list",
        "at": "the snapshot nearest to this time, in milliseconds since 1970",
    }
        "Snapshots that were kept, taken by period and when a rule fired: how things were when nobody looked.";
    GET "/debug/resources" tasks::resources {}
        "Locks, channels, semaphores and the like that some task has had to wait for, with where they were made, who has them, \
         how many wait, how deep they are, and how long waits and holds took together.";
    GET "/debug/long_polls" scheduler::long_polls {}
        "The last 64 polls of each runtime that lasted longer than the slice (10 ms): task, where it was spawned, processor, \
         thread, and how long it had lasted when it was seen last.";
    GET "/debug/health" judged::health { "format": "json or text" }
        "From 0 to 100, less the worst of the reasons, which are named with what was measured, up to where it is well, and from \
         where it is sick. The server looks once a second; three windows must agree.";
    GET "/metrics" judged::metrics {}
        "All that is counted, for Prometheus: OpenMetrics for who accepts it, else the classic text. docs/metrics.md says what each means.";
    GET "/debug/diagnose" judged::diagnose {
        "seconds": "how long to look (3)",
        "load": "constant: what rises or stays is then no rising load (unknown)",
        "format": "json or text",
    }
        "Looks for some seconds and names what is wrong, with its evidence, by the rules and limits that the workloads are \
         judged by. The process samples itself, a thousand times a second, because no client could ask that often.";
    GET "/debug/pprof/" index::page {}
        "This page, where pprof looks for it.";
    GET "/debug/pprof/goroutine" profiles::goroutine {
        "debug": "0: gzip'd profile.proto; 1: as text, counted; 2: every task, in Go's words (0)",
        "seconds": "the difference of two, so far apart",
        "stacks": "0: without; each task that waits is polled once more for its own, as of /debug/tasks (1)",
        "label": "as of /debug/tasks",
        "state": "as of /debug/tasks",
        "reason": "as of /debug/tasks",
        "min_age": "as of /debug/tasks",
        "site": "as of /debug/tasks",
        "limit": "as of /debug/tasks",
        "deadline": "as of /debug/tasks",
    }
        "What all tasks are doing, and where, counted: tasks are what a Go program has goroutines for.";
    GET "/debug/pprof/threadcreate" profiles::threadcreate {
        "debug": "0: gzip'd profile.proto; 1: as text (0)",
        "seconds": "the difference of two, so far apart",
        "label": "only samples with this label, tenant:acme; several: with all of them",
    }
        "The threads of the runtimes, by why they were made.";
    GET "/debug/pprof/profile" profiles::cpu {
        "seconds": "how long (30)",
        "hertz": "samples for each second of CPU (100)",
        "label": "only samples with this label, tenant:acme; several: with all of them",
        "debug": "1: as text",
    }
        "What the threads compute, with the task, where it was spawned and its labels.";
    GET "/debug/pprof/block" profiles::block {
        "debug": "0: gzip'd profile.proto; 1: as text (0)",
        "seconds": "the waits that end in that time; without: since it was switched on",
        "label": "only samples with this label, tenant:acme; several: with all of them",
    }
        "How long tasks waited, for what, and where: waits that are over. Off until POST /debug/profile/block.";
    GET "/debug/pprof/mutex" profiles::mutex {
        "debug": "0: gzip'd profile.proto; 1: as text (0)",
        "seconds": "the releases in that time; without: since it was switched on",
        "label": "only samples with this label, tenant:acme; several: with all of them",
    }
        "Who kept others waiting, and for how long, at the place where the lock was let go. Off until POST /debug/profile/mutex.";
    POST "/debug/profile/block" profiles::block_rate { "rate": "one wait in so many is sampled; 0 is off" }
        "Switches the block profile on or off. It needs the token.";
    POST "/debug/profile/mutex" profiles::mutex_fraction { "rate": "one contended release in so many is sampled; 0 is off" }
        "Switches the mutex profile on or off. It needs the token.";
    GET "/debug/pprof/cmdline" process::cmdline {}
        "The program and its arguments, with a NUL between them.";
    GET "/debug/pprof/trace" profiles::trace { "seconds": "how long" }
        "The execution trace: not in this version.";
}

/// Answers a request, if it may be answered. Whatever happens on the way, there is an answer.
pub fn answer(house: &House, request: &Request, client: Option<&TcpStream>) -> Response {
    let ask = Ask { house, request, client };
    // What an answer leaves half done is its own: it only reads.
    match catch_unwind(AssertUnwindSafe(|| route(&ask))) {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into(),
        Err(panic) => {
            let what = format!("the answer panicked, which is a bug of Gumption: {}", said(&*panic));
            Refusal::new(Status::InternalError, what).into()
        }
    }
}

fn route(ask: &Ask<'_>) -> Answer {
    let request = ask.request;
    ask.house.door.admit(request, std::time::Instant::now())?;
    let path = |endpoint: &&Endpoint| {
        let known = endpoint.path;
        known == request.path || known.len() > 1 && known.strip_suffix('/') == Some(&request.path)
    };
    let mut there = ENDPOINTS.iter().filter(path).peekable();
    if there.peek().is_none() {
        let what = format!("there is nothing at {:?}; / lists what there is", request.path);
        return Err(Refusal::new(Status::NotFound, what));
    }
    let wanted = if request.method == Method::Post { "POST" } else { "GET" };
    let Some(endpoint) = there.clone().find(|endpoint| endpoint.method == wanted) else {
        let allow = if wanted == "POST" { "GET, HEAD" } else { "POST" };
        let refusal = Refusal::new(Status::MethodNotAllowed, format!("{}: use {allow}", request.path));
        return Ok(Response { allow: Some(allow), ..refusal.into() });
    };
    if endpoint.method == "POST" {
        ask.house.door.may_change()?;
    }
    let known: Vec<&str> = endpoint.parameters.iter().map(|parameter| parameter.name).collect();
    request.query.only(&known)?;
    (endpoint.answer)(ask)
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
