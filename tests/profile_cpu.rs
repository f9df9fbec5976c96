//! The cpu profile: a task that computes is named by function, spawn site, id and labels; what is no task is said to be none.
#![cfg(target_os = "linux")]

#[path = "support/profiles.rs"]
mod profiles;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gumption::introspect::profile::{self, CannotProfile, Profile};
use gumption::runtime::{Builder, Runtime};
use gumption::task::labels;
use profiles::{alone, label, of};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).name("cpu").enable_all().build().unwrap()
}

#[inline(never)]
fn crunches(stop: &AtomicBool) -> u64 {
    let mut number = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..1000 {
            number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    number
}

#[inline(never)]
fn crunches_outside(stop: &AtomicBool) -> u64 {
    crunches(stop).wrapping_add(black_box(1))
}

/// Profiles until one has what `is_it` looks for: how long that takes is the machine's business.
fn until(is_it: impl Fn(&Profile) -> bool) -> Profile {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        match profile::cpu(Duration::from_millis(300)) {
            Ok(profile) if is_it(&profile) => return profile,
            Ok(profile) => assert!(Instant::now() < deadline, "{}", profile.text("cpu")),
            // The test below asks for one, too.
            Err(why) => assert_eq!(why, CannotProfile::Busy),
        }
    }
}

#[test]
fn a_hog_is_named_with_its_spawn_site_and_labels() {
    let _alone = alone();
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = runtime();
    let line = line!() + 1;
    let hog = runtime.spawn({
        let stop = stop.clone();
        async move {
            labels::set("trace_id", "4bf92f35");
            gumption::task::yield_now().await;
            black_box(crunches(&stop));
        }
    });
    let id = hog.id().to_string();
    let profile = until(|profile| !of(profile, "crunches").is_empty());
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(hog).unwrap();
    let text = profile.text("cpu");
    let samples = of(&profile, "crunches");
    assert!(samples.iter().all(|sample| label(sample, "task") == id), "{text}");
    let site = format!("tests/profile_cpu.rs:{line}");
    assert!(samples.iter().all(|sample| label(sample, "spawned_at") == site), "{text}");
    assert!(samples.iter().all(|sample| label(sample, "trace_id") == "4bf92f35"), "{text}");
    assert!(samples.iter().all(|sample| label(sample, "runtime") == "cpu"), "{text}");
    assert!(samples.iter().all(|sample| !label(sample, "machine").is_empty()), "{text}");
    // The innermost function first, its caller behind it, and nothing was cut off.
    let of_one: Vec<_> = samples[0].stack.iter().flat_map(|call| &call.lines).map(|line| &*line.function).collect();
    let at = |part: &str| of_one.iter().position(|name| name.contains(part)).unwrap_or(usize::MAX);
    assert!(at("crunches") < at("a_hog_is_named") && at("a_hog_is_named") < of_one.len(), "{text}");
    assert!(samples.iter().all(|sample| sample.values[1] == sample.values[0] * 10_000_000), "{text}");
    assert_eq!(profile.only("trace_id", "4bf92f35").only("spawned_at", "[no task]").total(0), 0);
}

#[test]
fn what_is_no_task_is_said_to_be_none() {
    let _alone = alone();
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::Builder::new().name("a-thread".into()).spawn({
        let stop = stop.clone();
        move || crunches_outside(&stop)
    });
    let profile = until(|profile| !of(profile, "crunches_outside").is_empty());
    stop.store(true, Ordering::Relaxed);
    black_box(thread.unwrap().join().unwrap());
    let text = profile.text("cpu");
    for sample in of(&profile, "crunches_outside") {
        assert_eq!((label(sample, "spawned_at"), label(sample, "task")), ("[no task]", ""), "{text}");
        assert_eq!((label(sample, "thread"), label(sample, "machine")), ("a-thread", ""), "{text}");
    }
}

#[test]
fn one_is_taken_at_a_time_and_threads_that_start_later_are_in_it() {
    let _alone = alone();
    let stop = Arc::new(AtomicBool::new(false));
    let profiler = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let profile = until(|profile| !of(profile, "crunches_outside").is_empty());
            stop.store(true, Ordering::Relaxed);
            profile
        }
    });
    // There is one by now, or soon.
    let mut busy = false;
    let mut threads = Vec::new();
    while !stop.load(Ordering::Relaxed) && !profiler.is_finished() {
        busy |= profile::cpu(Duration::ZERO) == Err(CannotProfile::Busy);
        if busy && threads.is_empty() {
            let stop = stop.clone();
            threads.push(std::thread::spawn(move || crunches_outside(&stop)));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Also if the profiler has given up.
    stop.store(true, Ordering::Relaxed);
    assert!(busy);
    assert!(profiler.join().unwrap().total(0) > 0);
    for thread in threads {
        black_box(thread.join().unwrap());
    }
}
