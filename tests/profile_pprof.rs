//! Every profile of a live process before `go tool pprof`, if there is a go: see `runtime-introspect/tests/pprof.rs`.
#![cfg(target_os = "linux")]

#[path = "support/until.rs"]
mod until;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gumption::introspect::dump::{Dump, Level, Options};
use gumption::introspect::profile::{self, Profile};
use gumption::runtime::{Builder, running};
use gumption::sync::Mutex;
use gumption::task::{labels, yield_now};
use until::until_some;

fn go() -> Option<PathBuf> {
    let go = std::env::var_os("GUMPTION_GO").map_or_else(|| PathBuf::from("go"), PathBuf::from);
    let runs = Command::new(&go).arg("version").output().is_ok_and(|output| output.status.success());
    if !runs {
        assert!(std::env::var_os("GUMPTION_GO").is_none(), "GUMPTION_GO={} does not run", go.display());
        eprintln!("NOT RUN: there is no go on the path, and GUMPTION_GO names none");
    }
    runs.then_some(go)
}

fn pprof(go: &Path, name: &str, profile: &Profile, options: &[&str]) -> String {
    let file = std::env::temp_dir().join(format!("gumption-live-{}-{name}.pb.gz", std::process::id()));
    std::fs::write(&file, profile.gzip()).unwrap();
    let output = Command::new(go).args(["tool", "pprof", "-nodefraction=0"]).args(options).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {options:?}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn computes_under_lock(lock: Arc<Mutex<u64>>, stop: Arc<AtomicBool>) {
    labels::set("trace_id", "4bf92f35");
    while !stop.load(Ordering::Relaxed) {
        let mut guard = lock.lock().await;
        for _ in 0..100_000 {
            *guard = black_box(guard.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        yield_now().await;
        drop(guard);
    }
}

#[test]
fn go_reads_every_profile() {
    let Some(go) = go() else { return };
    let runtime = Builder::new_multi_thread().worker_threads(2).name("live").enable_all().build().unwrap();
    let (lock, stop) = (Arc::new(Mutex::new(1)), Arc::new(AtomicBool::new(false)));
    profile::set_block_rate(1);
    profile::set_mutex_fraction(1);
    let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(computes_under_lock(lock.clone(), stop.clone()))).collect();
    // On a busy machine it may take a while until a hundredth of a second has been computed.
    let ours = |profile: Profile| (profile.clone().only("trace_id", "4bf92f35").total(0) > 0).then_some(profile);
    let cpu = until_some("a sample", || ours(profile::cpu(Duration::from_millis(300)).unwrap()));
    // And until somebody has waited, and let somebody else go.
    let waits = until_some("a wait", || ours(profile::over(Duration::from_millis(100), profile::block)));
    let releases = until_some("a release", || ours(profile::mutex()));
    let all = [
        ("goroutine", profile::goroutine(&Dump::of_process(Level::Tasks, &Options::default())), "task"),
        ("threadcreate", profile::threadcreate(&running()), "threadcreate"),
        ("block", waits, "delay"),
        ("mutex", releases, "delay"),
        ("cpu", cpu, "cpu"),
    ];
    profile::set_block_rate(0);
    profile::set_mutex_fraction(0);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    for (name, profile, kind) in &all {
        let top = pprof(&go, name, profile, &["-top", "-cum"]);
        assert!(top.contains(&format!("Type: {kind}")), "{name}: {top}");
        let of_ours = *name == "threadcreate" || top.contains("computes_under_lock");
        assert!(of_ours, "{name}: {top}");
        let raw = pprof(&go, name, profile, &["-raw"]);
        assert!(raw.contains("[FN][FL][LN][IN]"), "{name}: {raw}");
        if *name != "threadcreate" {
            let focused = pprof(&go, name, profile, &["-tags"]);
            assert!(
                focused.contains("spawned_at:") && focused.contains("tests/profile_pprof.rs:"),
                "{name}: {focused}"
            );
            assert!(focused.contains("trace_id:"), "{name}: {focused}");
        }
        println!("{top}");
    }
}
