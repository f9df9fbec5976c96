//! Every endpoint, each asked as the index page says that it can be.

use std::time::{Duration, Instant};

use gumption_core::resource::{Kind, Resource};
use gumption_core::wait::WaitReason;
use gumption_introspect::dump::{Dump, Level};
use gumption_introspect::profile::Profile;
use gumption_introspect::ring::{Ring, Settings};
use gumption_introspect::serve::ENDPOINTS;

use crate::client::{PATIENCE, ask, get};
use crate::{runtime, served, serving};

/// Asks until the answer is as wished.
fn until(at: std::net::SocketAddr, target: &str, wished: impl Fn(&crate::client::Answer) -> bool) {
    let begun = Instant::now();
    loop {
        let answer = get(at, target);
        if wished(&answer) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{target}: {}", answer.text());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_endpoint_answers_in_its_type() {
    let runtime = runtime("asked-for-all", 2);
    let (_server, at) = served(&runtime);
    for endpoint in ENDPOINTS {
        // Long enough for who looks for a time, and no more.
        let waits = endpoint.parameters.iter().any(|parameter| parameter.name == "seconds");
        let target = if waits { format!("{}?seconds=100ms", endpoint.path) } else { endpoint.path.to_owned() };
        let answer = ask(at, endpoint.method, &target, "");
        let wished = match (endpoint.method, endpoint.path) {
            ("POST", _) => 403,
            (_, "/debug/ring") => 404,
            (_, "/debug/pprof/trace") => 501,
            _ => 200,
        };
        assert_eq!(answer.status, wished, "{target}: {}", answer.text());
        assert!(!answer.body.is_empty(), "{target}");
        match answer.header("content-type") {
            Some("application/json") => drop(answer.json()),
            Some("application/octet-stream") => drop(Profile::decode(&answer.body).expect(&target)),
            Some(text) => assert!(text.starts_with("text/"), "{target}: {text}"),
            None => panic!("{target} has no type"),
        }
        for parameter in endpoint.parameters {
            let wrong = ask(at, endpoint.method, &format!("{}?{}=%C3%A9", endpoint.path, parameter.name), "").status;
            // Any text may be a label, or a place; what is not there is not found; and the rest is refused.
            assert!(matches!(wrong, 200 | 400 | 403 | 404 | 501), "{target} {}: {wrong}", parameter.name);
        }
    }
}

#[test]
fn tasks_are_told_of_in_every_format() {
    let runtime = runtime("dumped", 2);
    let (_server, at) = served(&runtime);
    let resource = std::sync::Arc::new(Resource::new(Kind::Mpsc));
    for _ in 0..7 {
        let resource = resource.clone();
        drop(runtime.spawn(std::future::poll_fn(move |context| {
            // Somebody has to have its waker, or it could never run again.
            std::mem::forget(context.waker().clone());
            resource.waits(WaitReason::ChanRecv);
            std::task::Poll::<()>::Pending
        })));
    }
    until(at, "/debug/tasks", |answer| answer.text().contains("7 @ [chan receive"));
    let groups = Dump::from_json(&get(at, "/debug/tasks?format=json").text()).expect("a dump");
    assert_eq!((groups.runtimes[0].level, groups.runtimes[0].groups[0].count), (Level::Groups, 7));
    let tasks = Dump::from_json(&get(at, "/debug/tasks?format=json&level=2&reason=chan%20receive&limit=3").text());
    let tasks = tasks.expect("a dump").runtimes.remove(0);
    assert_eq!((tasks.tasks.len(), tasks.cut), (3, 4));
    assert!(get(at, "/debug/tasks?level=2&format=go").text().contains(" [chan receive"));
    assert!(get(at, "/debug/tasks?format=folded").text().contains(" 7\n"));
    let none = get(at, "/debug/tasks?format=json&state=running&label=tenant:acme").text();
    assert_eq!(Dump::from_json(&none).expect("a dump").runtimes[0].groups.len(), 0);
    for wrong in ["level=3", "format=xml", "state=asleep", "label=x", "min_age=soon", "limit=x", "deadline=1h"] {
        let answer = get(at, &format!("/debug/tasks?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
    let profile = Profile::decode(&get(at, "/debug/pprof/goroutine").body).expect("a profile");
    assert_eq!(profile.total(0), 7);
    assert!(get(at, "/debug/pprof/goroutine?debug=1").text().starts_with("--- goroutine"));
    assert!(get(at, "/debug/pprof/goroutine?debug=2").text().contains(" [chan receive"));
    assert_eq!(get(at, "/debug/pprof/goroutine?debug=2&seconds=1").status, 400, "a list has no difference");
    let resources = get(at, "/debug/resources").json();
    assert!(resources["resources"].as_array().is_some_and(|all| all.iter().any(|each| each["kind"] == "chan")));
}

#[test]
fn leaks_are_told_of_and_counted() {
    let runtime = runtime("leaky", 2);
    let (_server, at) = served(&runtime);
    for _ in 0..3 {
        drop(runtime.spawn(std::future::pending::<()>()));
    }
    until(at, "/debug/leaks", |answer| answer.json()["runtimes"][0]["leaks"]["proven"][0]["count"] == 3);
    assert!(get(at, "/debug/leaks?format=text").text().contains("runtime "));
    // What was found is known to the metrics and to the health from now on.
    let metrics = get(at, "/metrics");
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    assert!(metrics.text().contains("\ngumption_leaks_proven{runtime=\"leaky\"} 3\n"), "{}", metrics.text());
    let open = ask(at, "GET", "/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n");
    assert!(
        open.text().ends_with("# EOF\n")
            && open.header("content-type").is_some_and(|kind| kind.contains("openmetrics"))
    );
    until(at, "/debug/health", |answer| {
        let health = &answer.json()["runtimes"][0]["health"];
        health["score"].as_u64().is_some_and(|score| score < 100)
    });
    assert!(get(at, "/debug/health?format=text").text().contains("takes"));
}

#[test]
fn who_waits_for_whom_is_drawn() {
    let runtime = runtime("waiting", 1);
    let (_server, at) = served(&runtime);
    let waited_for = runtime.spawn(std::future::pending::<()>());
    drop(runtime.spawn(async move { drop(waited_for.await) }));
    until(at, "/debug/waitgraph", |answer| {
        let graph = &answer.json()["runtimes"][0]["graph"];
        graph["edges"].as_array().is_some_and(|edges| edges.len() == 1)
    });
    let dot = get(at, "/debug/waitgraph?format=dot");
    assert!(dot.text().starts_with("digraph") && dot.text().contains("->"), "{}", dot.text());
}

#[test]
fn a_ring_is_listed_and_read() {
    let runtime = runtime("ringed", 1);
    let mut settings = Settings::default();
    settings.period = None;
    let ring = std::sync::Arc::new(Ring::start(settings).expect("a thread"));
    let server = serving(&runtime).ring(ring.clone()).bind("127.0.0.1:0").unwrap();
    let at = server.local_addr();
    let number = ring.take("a test").expect("there is room");
    let list = get(at, "/debug/ring").json();
    assert_eq!(list["snapshots"][0]["number"].as_u64(), Some(number));
    let text = get(at, &format!("/debug/ring?number={number}")).text();
    assert!(text.contains("process"), "{text}");
    assert_eq!(get(at, "/debug/ring?at=0").text(), text);
    assert_eq!(get(at, "/debug/ring?number=99").status, 404);
    assert_eq!(get(at, "/debug/ring?number=first").status, 400);
}

#[test]
fn a_diagnosis_names_what_it_saw() {
    let runtime = runtime("idle", 1);
    let (_server, at) = served(&runtime);
    let diagnosis = get(at, "/debug/diagnose?seconds=300ms").json();
    assert_eq!(diagnosis["runtimes"][0]["diagnosis"]["conclusion"], "insufficient-data");
    let page = get(at, "/debug/diagnose?seconds=300ms&format=text&load=constant").text();
    assert!(page.contains("verdict  insufficient-data"), "{page}");
}
