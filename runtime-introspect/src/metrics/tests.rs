//! Both dialects of the text, taken apart by a reader of its own; what holds of every family; the bounds; escapes; counters under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gumption_core::driver::ErrorCount;
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::stats::{ProcessorStats, SchedulerStats};
use gumption_core::wait::WaitReason;

use super::*;
use crate::health::{Findings, Health};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// Name and labels, to the number.
type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

/// What a reader of the text sees of a family.
#[derive(Debug, Default)]
struct Read {
    kind: String,
    help: String,
    unit: Option<String>,
    samples: Samples,
}

/// Reads the text as its grammar says, and refuses what a scraper would refuse.
fn read(text: &str, format: Format) -> BTreeMap<String, Read> {
    let mut families: BTreeMap<String, Read> = BTreeMap::new();
    let mut current = String::new();
    let mut lines = text.lines().peekable();
    assert!(text.ends_with('\n'));
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            assert_eq!((format, lines.peek()), (Format::OpenMetrics, None), "the end is the end");
            return families;
        }
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').expect("a word and a name");
            let (name, value) = rest.split_once(' ').expect("a name and a text");
            if what == "TYPE" {
                current = name.to_string();
                let before = families.insert(current.clone(), Read { kind: value.to_string(), ..Read::default() });
                assert!(before.is_none(), "{name} comes once, all of it together");
            }
            assert_eq!(name, current, "{line}");
            let family = families.get_mut(name).expect("TYPE comes first");
            match what {
                "TYPE" => {}
                "HELP" => family.help = value.to_string(),
                "UNIT" => family.unit = Some(value.to_string()),
                other => panic!("{other}?"),
            }
            continue;
        }
        let (name, labels, number) = sample(line);
        assert!(name.starts_with(&current), "{line} is not of {current}");
        let family = families.get_mut(&current).expect("samples come behind their TYPE");
        let number: f64 = number.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(family.samples.insert((name, labels), number).is_none(), "twice: {line}");
    }
    assert_eq!(format, Format::Prometheus, "OpenMetrics has an end");
    families
}

/// A line taken apart: name, labels, number.
fn sample(line: &str) -> (String, Vec<(String, String)>, &str) {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, mut rest) = line.split_at(end);
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            let mut value = String::new();
            let mut characters = after.char_indices();
            let end = loop {
                match characters.next().expect("an end of the value") {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match characters.next().expect("an escaped one").1 {
                        'n' => '\n',
                        other @ ('\\' | '"') => other,
                        other => panic!("\\{other} in {line}"),
                    }),
                    (_, other) => value.push(other),
                }
            };
            labels.push((label.to_string(), value));
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect("a brace");
    }
    (name.to_string(), labels, rest.strip_prefix(' ').expect("a space"))
}

/// A view in which every family has a row.
fn full(runtime: &str, processors: usize) -> RuntimeView {
    let mut stats = SchedulerStats::default();
    stats.config.processors = processors;
    stats.config.steal_policy = "half";
    stats.driver.errors = vec![ErrorCount { errno: 24, count: 3 }];
    stats.processors = (0..processors).map(|id| ProcessorStats { id, ..ProcessorStats::default() }).collect();
    stats.sum_up();
    RuntimeView {
        runtime: runtime.to_string(),
        id: "7".into(),
        stats,
        tasks: Some(Tasks::of(vec![("src/a.rs:1".into(), 2)], WaitReason::ALL.iter().map(|r| (r.text(), 0)).collect())),
        health: Some(Health::default()),
        findings: Some(Findings::default()),
    }
}

#[test]
fn every_family_is_in_both_dialects_with_help_and_unit() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let seen = read(&render(&[full("one", 2), full("two", 3)], format), format);
        assert_eq!(seen.len(), families().count());
        for family in families() {
            let name = if format == Format::OpenMetrics { family.name.to_string() } else { family.name() };
            let found = seen.get(&name).unwrap_or_else(|| panic!("{name} is missing"));
            assert!(name.starts_with("gumption_"), "{name}");
            assert!(found.help.ends_with(&format!("Unit: {}.", family.unit().name())), "{name}: {}", found.help);
            let kind = match (family.kind(), format) {
                (Kind::Counter, _) => "counter",
                (Kind::Histogram, _) => "histogram",
                (Kind::Info, Format::OpenMetrics) => "info",
                (Kind::Gauge | Kind::Info, _) => "gauge",
            };
            assert_eq!(found.kind, kind, "{name}");
            let in_seconds = family.unit().name() == "seconds";
            assert_eq!(family.name.ends_with("_seconds"), in_seconds, "{name} says its base unit");
            let unit = (in_seconds && format == Format::OpenMetrics).then(|| "seconds".to_string());
            assert_eq!(found.unit, unit, "{name}");
            for (series, labels) in found.samples.keys() {
                assert!(family.series().contains(series), "{series} is not of {name}");
                let mut given: Vec<&str> = labels.iter().map(|(label, _)| label.as_str()).collect();
                given.retain(|label| *label != "le");
                assert_eq!(given, family.labels(), "{series}");
                assert_eq!(given.first() == Some(&"runtime"), !family.is_of_the_process(), "{series}");
            }
            let runtimes = found.samples.keys().flat_map(|(_, labels)| labels).filter(|(label, _)| label == "runtime");
            let runtimes: BTreeSet<&str> = runtimes.map(|(_, value)| value.as_str()).collect();
            assert!(family.is_of_the_process() || runtimes == BTreeSet::from(["one", "two"]), "{name}: {runtimes:?}");
        }
    }
}

#[test]
fn names_are_unique_and_no_other_family_takes_their_series() {
    let mut seen = BTreeSet::new();
    for family in families() {
        for series in family.series() {
            assert!(seen.insert(series.clone()), "{series} is there twice");
        }
        assert!(!family.help.trim().is_empty() && family.help.ends_with('.'), "{}", family.name);
    }
}

#[test]
fn labels_are_escaped_and_can_be_read_back() {
    let name = "a \"quoted\"\\ name\nof two lines, {braces} and ünïcode";
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let seen = read(&render(&[full(name, 1)], format), format);
        let (_, labels) = seen["gumption_tasks_walked"].samples.keys().next().expect("a row");
        assert_eq!(labels, &[("runtime".to_string(), name.to_string())]);
    }
}

#[test]
fn labels_are_bounded() {
    let mut view = full("huge", 5000);
    view.stats.driver.errors = (1..500).map(|errno| ErrorCount { errno, count: 1 }).collect();
    let sites = (0..10_000).map(|site| (format!("src/main.rs:{site}"), site)).collect();
    view.tasks = Some(Tasks::of(sites, view.tasks.expect("full").waits));
    let seen = read(&render(&[view], Format::Prometheus), Format::Prometheus);
    let series: usize = seen.values().map(|family| family.samples.len()).sum();
    assert!(series <= most_series(5000), "{series} series");
    assert_eq!(most_series(5000), most_series(PROCESSOR_ROWS));
    let rows = |name: &str| &seen[name].samples;
    assert_eq!(rows("gumption_tasks_by_site").len(), SITES + 1);
    let sum: f64 = rows("gumption_tasks_by_site").values().sum();
    assert_eq!(sum, (0..10_000).sum::<u64>() as f64, "nothing is left out, `other` has it");
    assert_eq!(rows("gumption_queue_depth").len(), PROCESSOR_ROWS + 1);
    assert_eq!(rows("gumption_polls_total").len(), PROCESSOR_ROWS + 2);
    assert_eq!(rows("gumption_io_errors_total").len(), ERRNOS.len() + 1);
    assert_eq!(rows("gumption_io_errors_total").values().sum::<f64>(), 499.0);

    let many: Vec<RuntimeView> = (0..100).map(|number| full(&number.to_string(), 1)).collect();
    let seen = read(&render(&many, Format::Prometheus), Format::Prometheus);
    assert_eq!(seen["gumption_tasks_walked"].samples.len(), RUNTIMES);
    assert_eq!(seen["gumption_runtimes"].samples.values().sum::<f64>(), 100.0);
}

#[test]
fn a_histogram_is_cumulative_and_exact() {
    let mut view = full("h", 1);
    let seen = &mut view.stats.processors[0].poll_time;
    (seen.buckets[3], seen.buckets[10], seen.buckets[11], seen.buckets[40]) = (1, 2, 3, 4);
    seen.sum = 1_234_567_890;
    let seen = read(&render(&[view], Format::OpenMetrics), Format::OpenMetrics);
    let rows = &seen["gumption_poll_seconds"].samples;
    let at = |part: &str, le: Option<&str>| {
        let mut labels = vec![("runtime".to_string(), "h".to_string())];
        labels.extend(le.map(|le| ("le".to_string(), le.to_string())));
        rows[&(format!("gumption_poll_seconds{part}"), labels)]
    };
    assert_eq!(at("_bucket", Some("0.000000127")), 1.0, "what is shorter is in the first");
    assert_eq!(at("_bucket", Some("0.000000511")), 1.0);
    assert_eq!(at("_bucket", Some("0.000001023")), 3.0);
    assert_eq!(at("_bucket", Some("0.000002047")), 6.0);
    assert_eq!(at("_bucket", Some("8.589934591")), 6.0, "what is longer only in the last");
    assert_eq!((at("_bucket", Some("+Inf")), at("_count", None)), (10.0, 10.0));
    assert_eq!(at("_sum", None), 1.234_567_89);
    assert_eq!(rows.len(), text::BOUNDS.count() + 3);
}

#[test]
fn nanoseconds_are_written_exactly() {
    for (ns, text) in
        [(0, "0.0"), (1, "0.000000001"), (1500, "0.0000015"), (1_000_000_000, "1.0"), (61_500_000_000, "61.5")]
    {
        let mut out = String::new();
        text::nanoseconds(&mut out, ns);
        assert_eq!(out, text);
    }
}

#[test]
fn a_scraper_gets_the_dialect_that_it_asks_for() {
    let cases = [
        ("", Format::Prometheus),
        ("text/html", Format::Prometheus),
        ("application/openmetrics-text", Format::OpenMetrics),
        ("Application/OpenMetrics-Text; version=0.0.1", Format::OpenMetrics),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.4", Format::Prometheus),
        ("text/plain;q=0.5, application/openmetrics-text;Q=0.5", Format::OpenMetrics),
        ("application/openmetrics-text;q=0", Format::Prometheus),
        ("application/openmetrics-text;q=none, text/plain", Format::Prometheus),
    ];
    for (accept, format) in cases {
        assert_eq!(Format::accepting(accept), format, "{accept}");
    }
}

#[test]
fn every_reason_to_wait_has_its_place() {
    for (at, reason) in WaitReason::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, at, "the walk counts by number");
    }
}

fn runtime(name: &str) -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().name(name).build().expect("two threads")
}

#[test]
fn two_runtimes_never_share_a_label() {
    let one = runtime("metrics-twin");
    let two = runtime("metrics-twin");
    let label = |runtime: &Runtime| RuntimeView::of(runtime.handle()).runtime;
    assert_eq!(label(&one), "metrics-twin");
    assert_eq!(label(&two), format!("metrics-twin-{}", two.handle().id()));
    drop(one);
    assert_eq!(label(&two), format!("metrics-twin-{}", two.handle().id()), "it keeps what it has");
    let unnamed: Runtime = Builder::new_multi_thread().worker_threads(1).build().expect("a thread");
    assert_eq!(label(&unnamed), unnamed.handle().id().to_string());
}

#[test]
fn tasks_are_counted_by_state_site_and_wait() {
    let runtime = runtime("metrics-states");
    let (send, wait) = std::sync::mpsc::channel();
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let send = send.clone();
            runtime.spawn(async move {
                send.send(()).expect("the test listens");
                gumption_core::time::sleep(Duration::from_secs(3600)).await;
            })
        })
        .collect();
    tasks.iter().for_each(|_| wait.recv().expect("each began"));
    let begun = Instant::now();
    let seen = loop {
        let view = RuntimeView::of(runtime.handle());
        if view.states().contains(&("waiting", 30)) {
            break view;
        }
        assert!(begun.elapsed() < PATIENCE, "{:?}", view.states());
        std::thread::yield_now();
    };
    assert_eq!(seen.states().iter().map(|(_, count)| count).sum::<u64>(), 30);
    let tasks_seen = seen.tasks.expect("thirty are walked");
    assert_eq!(tasks_seen.sites.len(), 1, "{tasks_seen:?}");
    assert!(tasks_seen.sites[0].0.contains("metrics/tests.rs:") && tasks_seen.sites[0].1 == 30, "{tasks_seen:?}");
    assert!(tasks_seen.waits.contains(&("sleep", 30)), "{tasks_seen:?}");
    tasks.iter().for_each(gumption_core::task::JoinHandle::abort);
}

#[test]
fn counters_never_go_back_under_load() {
    let runtime = runtime("metrics-load");
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    for _ in 0..4 {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let children: Vec<_> = (0..50).map(|_| gumption_core::spawn(gumption_core::yield_now())).collect();
                gumption_core::time::sleep(Duration::from_micros(50)).await;
                for child in children {
                    child.await.expect("it only yields");
                }
                gumption_core::spawn_blocking(|| ()).await.expect("it does nothing");
            }
        });
    }
    let grows = |name: &str| {
        name.ends_with("_total") || name.ends_with("_bucket") || name.ends_with("_count") || name.ends_with("_sum")
    };
    let mut before = Samples::new();
    let mut scrapes = 0;
    let begun = Instant::now();
    let polls = |all: &Samples| {
        all.iter().filter(|((name, _), _)| name == "gumption_polls_total").map(|(_, polls)| polls).sum::<f64>()
    };
    while scrapes < 200 || polls(&before) < 20_000.0 {
        let text = render(&[RuntimeView::of(runtime.handle())], Format::OpenMetrics);
        let mut now = Samples::new();
        for family in read(&text, Format::OpenMetrics).into_values() {
            now.extend(family.samples.into_iter().filter(|((name, _), _)| grows(name)));
        }
        for (series, then) in &before {
            assert!(
                now.get(series).is_some_and(|number| number >= then),
                "{series:?} went from {then} to {:?}",
                now.get(series)
            );
        }
        before = now;
        scrapes += 1;
        assert!(begun.elapsed() < PATIENCE, "{} polls after {scrapes} scrapes", polls(&before));
    }
    stop.store(true, Ordering::Relaxed);
}

#[test]
fn the_reference_page_lists_what_there_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = reference();
    if std::env::var_os("GUMPTION_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).expect("docs/ can be written");
    }
    let there = std::fs::read_to_string(path).expect("docs/metrics.md is there");
    for family in families() {
        assert!(there.contains(&format!("| `{}`", family.name())), "docs/metrics.md does not list {}", family.name());
    }
    assert!(
        there == page,
        "docs/metrics.md is not what `metrics::reference` writes: run this test with GUMPTION_WRITE_DOCS=1"
    );
}
