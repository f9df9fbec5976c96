//! Holds what lies in `deploy/` to what is exported: every metric that a rule, a panel or a test of rules names exists, with
//! labels that it has; and runs promtool over the rules and over a scrape, where it is installed.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gumption_core::runtime::{Builder, Runtime};
use gumption_introspect::health::{Findings, Monitors};
use gumption_introspect::metrics::{Format, families, scrape};
use gumption_introspect::serve::ENDPOINTS;
use serde_json::Value;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Every file, with its text.
fn files(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((path, text));
        }
    }
    found
}

/// The words of a text that look like a metric of ours: recorded ones have colons. File names do not count.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .map(|word| word.trim_matches(':'))
        .filter(|word| word.starts_with("gumption_") || word.contains(":gumption_"))
        .collect()
}

/// What can be queried: every series, and what the rules record.
fn known() -> BTreeSet<String> {
    let rules = std::fs::read_to_string(deploy().join("prometheus/rules.yml")).expect("the rules");
    let recorded = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_string);
    families().flat_map(gumption_introspect::metrics::Family::series).chain(recorded).collect()
}

#[test]
fn every_metric_that_is_named_is_exported() {
    let known = known();
    let histograms: BTreeSet<String> = families().map(|family| family.name()).collect();
    let mut seen = 0;
    for (path, text) in files(&deploy()) {
        for name in metrics_in(&text) {
            // Prose may name a histogram as a whole; a query may not.
            let prose = path.extension().is_some_and(|extension| extension == "md") && histograms.contains(name);
            assert!(known.contains(name) || prose, "{} names {name}, which nobody exports", path.display());
            seen += 1;
        }
    }
    assert!(seen > 80, "the search has gone blind: {seen}");
}

/// The selectors of a query, `name{label="...",...}`: the name and the labels.
fn selectors(query: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(brace) = rest.find('{') {
        let before = &rest[..brace];
        let begin = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).map_or(0, |at| at + 1);
        let inside = &rest[brace + 1..];
        let end = inside.find('}').expect("a brace that is closed");
        let labels =
            inside[..end].split(',').filter_map(|one| one.find(['=', '!']).map(|at| one[..at].trim())).collect();
        found.push((&before[begin..], labels));
        rest = &inside[end + 1..];
    }
    found
}

#[test]
fn every_label_that_is_asked_for_is_given() {
    let mut seen = 0;
    let texts = ["prometheus/rules.yml", "prometheus/rules.test.yml", "grafana/gumption.json"];
    for text in texts.map(|file| std::fs::read_to_string(deploy().join(file)).expect(file)) {
        // A JSON's quotes are escaped.
        for (name, labels) in selectors(&text.replace("\\\"", "'").replace('"', "'")) {
            let Some(family) = families().find(|family| family.series().iter().any(|series| series == name)) else {
                continue;
            };
            for label in labels {
                let given = family.labels().contains(&label) || ["job", "instance", "le"].contains(&label);
                assert!(given, "{name} has no label {label}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "the search has gone blind: {seen}");
}

#[test]
fn the_dashboard_is_one() {
    let text = std::fs::read_to_string(deploy().join("grafana/gumption.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(dashboard["uid"], "gumption");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}: an id of its own");
        titles.insert(title);
        let place = &panel["gridPos"];
        let [x, w] = ["x", "w"].map(|side| place[side].as_u64().expect("a place"));
        assert!(x + w <= 24, "{title} stands out on the right");
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("queries");
        assert!(!targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            let query = target["expr"].as_str().expect("a query");
            assert!(!metrics_in(query).is_empty(), "{title}: {query}");
            let balanced = |open: char, close: char| query.matches(open).count() == query.matches(close).count();
            assert!(balanced('(', ')') && balanced('{', '}') && balanced('[', ']'), "{title}: {query}");
        }
    }
    for wanted in [
        "Health",
        "Scheduling latency",
        "Poll time",
        "Run queue of each processor",
        "Steals",
        "Leaks and deadlocks",
        "Blocking pool",
    ] {
        assert!(titles.contains(wanted), "no panel {wanted}");
    }
}

#[test]
fn probes_do_not_ask_for_the_health() {
    let text = std::fs::read_to_string(deploy().join("kubernetes/deployment.yaml")).expect("the Deployment");
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert!(code.iter().any(|line| line.contains(probe)), "no {probe}");
    }
    assert!(
        !code.iter().any(|line| line.contains("/debug")),
        "nothing but /metrics leaves the pod, and no probe asks for it"
    );
    assert!(code.iter().any(|line| line.trim() == "value: 127.0.0.1:6060"), "on loopback");
}

#[test]
fn every_page_that_is_named_is_served() {
    let mut seen = 0;
    for (path, text) in files(&deploy()) {
        for part in text.split("/debug/").skip(1) {
            let end = part.find(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '/')).unwrap_or(part.len());
            let page = format!("/debug/{}", part[..end].trim_end_matches('/'));
            let served = ENDPOINTS.iter().any(|endpoint| endpoint.path.trim_end_matches('/') == page);
            assert!(served, "{} names {page}, which nobody serves", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "the search has gone blind: {seen}");
}

/// promtool, if it is there; else it says so.
fn promtool(arguments: &[&str], input: &str) {
    let started = Command::new("promtool")
        .args(arguments)
        .current_dir(deploy().join("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("promtool is not installed: `promtool {}` was not run", arguments.join(" "));
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    let mut pipe = child.stdin.take().expect("it was asked for");
    pipe.write_all(input.as_bytes()).expect("it reads");
    drop(pipe);
    let done = child.wait_with_output().expect("it ends");
    let said = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(done.status.success(), "promtool {}: {said}", arguments.join(" "));
    let lint = arguments == ["check", "metrics"];
    assert!(!lint || said.is_empty(), "promtool finds fault: {said}");
}

#[test]
fn promtool_accepts_the_rules() {
    promtool(&["check", "rules", "rules.yml"], "");
    promtool(&["test", "rules", "rules.test.yml"], "");
}

#[test]
fn promtool_accepts_a_scrape() {
    let runtime: Runtime =
        Builder::new_multi_thread().worker_threads(2).enable_time().name("de\"ploy\\").build().expect("threads");
    runtime.block_on(async {
        gumption_core::spawn(gumption_core::time::sleep(std::time::Duration::from_millis(1))).await.expect("it sleeps");
        gumption_core::spawn_blocking(|| ()).await.expect("it does nothing");
    });
    let mut monitors = Monitors::default();
    let text = scrape(Format::Prometheus, &mut monitors, |_| Some(Findings::default()));
    assert!(text.contains("runtime=\"de\\\"ploy\\\\\""), "{text}");
    promtool(&["check", "metrics"], &text);
}
