//! Judgements: what is wrong, and on what evidence.

use std::time::Duration;

use gumption_core::runtime::Handle;
use serde::Serialize;

use super::{Each, Of};
use crate::diagnose::{Diagnosis, Load, Sampler, Sampling, diagnose as judge};
use crate::graph::{self, Graph};
use crate::health::Health;
use crate::leaks::Leaks;
use crate::metrics::{self, Format, RuntimeView};
use crate::serve::house::{Ask, title};
use crate::serve::look;
use crate::serve::response::{Answer, Refusal, Response, Status};

/// How long to look, if nobody says.
const LOOK: Duration = Duration::from_secs(3);
/// Windows that the time is cut into, if they are long enough.
const WINDOWS: u32 = 16;
/// The shortest window: a hundred glances.
const SHORTEST: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Judged {
    diagnosis: Diagnosis,
}

/// Samples windows, and judges them by the shipped rules.
pub fn diagnose(ask: &Ask<'_>) -> Answer {
    let seconds = ask.seconds(LOOK)?;
    let load = match ask.request.query.word("load", &["unknown", "constant"])? {
        "constant" => Load::Constant,
        _ => Load::Unknown,
    };
    let text = ask.request.query.word("format", &["json", "text"])? == "text";
    let _permit = ask.one_window()?;
    let handles = ask.runtimes()?;
    let sampling = Sampling { window: (seconds / WINDOWS).max(SHORTEST), load, ..Sampling::default() };
    let failed = |error| Refusal::for_now(Status::Unavailable, format!("the sampler does not start: {error}"), 5);
    let samplers: Result<Vec<Sampler>, _> =
        handles.iter().map(|handle| Sampler::start(handle.clone(), sampling).map_err(failed)).collect();
    let samplers = samplers?;
    ask.wait(seconds)?;
    let judged = handles.iter().zip(samplers).map(|(handle, sampler)| {
        let mut diagnosis = judge(&sampler.finish());
        locate(&mut diagnosis, handle);
        Of::new(handle, Judged { diagnosis })
    });
    let each = Each { runtimes: judged.collect() };
    if !text {
        return Response::json(&each);
    }
    let mut page = String::new();
    for (handle, row) in handles.iter().zip(&each.runtimes) {
        page.push_str(&format!("runtime {}\n{}", title(handle), row.what.diagnosis.page(true)));
    }
    Ok(Response::text(page))
}

/// Says where the tasks of the verdicts were spawned, as far as they live or were caught in a long poll.
fn locate(diagnosis: &mut Diagnosis, handle: &Handle) {
    let wanted: Vec<u64> = diagnosis.verdicts.iter().flat_map(|verdict| verdict.tasks.iter().copied()).collect();
    if wanted.is_empty() {
        return;
    }
    let mut sites = Vec::new();
    handle.for_each_task(|row| {
        let id = row.id.as_u64();
        if wanted.contains(&id) {
            sites.push((id, row.site));
        }
    });
    let long = handle.long_polls();
    sites.extend(long.iter().filter_map(|poll| Some((poll.task, poll.spawned_at?))));
    diagnosis.locate(|task| {
        let (_, site) = sites.iter().find(|(id, _)| *id == task)?;
        Some(format!("{}:{}", site.file(), site.line()))
    });
}

/// What can never run again, and what looks like it.
pub fn leaks(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Found {
        leaks: Leaks,
    }
    let text = ask.request.query.word("format", &["json", "text"])? == "text";
    let handles = ask.runtimes()?;
    let _permit = ask.one_dump()?;
    let each = Each::of(&handles, |handle| Found { leaks: look::leaks(ask.house, handle) });
    if !text {
        return Response::json(&each);
    }
    let mut page = String::new();
    for (handle, row) in handles.iter().zip(&each.runtimes) {
        page.push_str(&format!("runtime {}\n{}\n", title(handle), row.what.leaks));
    }
    Ok(Response::text(page))
}

/// Who waits for whom.
pub fn wait_graph(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Drawn {
        graph: Graph,
    }
    let dot = ask.request.query.word("format", &["json", "dot"])? == "dot";
    let handles = ask.runtimes()?;
    let _permit = ask.one_dump()?;
    let each = Each::of(&handles, |handle| Drawn { graph: graph::graph(handle) });
    if !dot {
        return Response::json(&each);
    }
    let pages: String = each.runtimes.iter().map(|row| row.what.graph.dot()).collect();
    Ok(Response::new("text/vnd.graphviz; charset=utf-8", pages))
}

/// How well each runtime is, and why.
pub fn health(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Known {
        health: Health,
    }
    let text = ask.request.query.word("format", &["json", "text"])? == "text";
    let handles = ask.runtimes()?;
    let each = {
        let mut known = ask.house.known();
        Each::of(&handles, |handle| Known { health: known.health(handle) })
    };
    if !text {
        return Response::json(&each);
    }
    let lines = handles.iter().zip(&each.runtimes);
    let lines = lines.map(|(handle, row)| format!("runtime {}: {}\n", title(handle), row.what.health));
    Ok(Response::text(lines.collect::<String>()))
}

/// Everything that is counted, for Prometheus.
pub fn metrics(ask: &Ask<'_>) -> Answer {
    let format = Format::accepting(ask.request.accept.as_deref().unwrap_or("*/*"));
    let mut known = ask.house.known();
    let views: Vec<RuntimeView> = ask
        .runtimes()?
        .iter()
        .map(|handle| {
            let view = RuntimeView::of(handle).with_health(known.health(handle));
            match known.findings(handle) {
                Some(found) => view.with_findings(found),
                None => view,
            }
        })
        .collect();
    drop(known);
    Ok(Response::new(format.content_type(), metrics::render(&views, format)))
}
