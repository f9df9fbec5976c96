//! What is folded away of a stack, and what never is.

use super::*;

const MAIN: &str = "/home/me/app/src/main.rs";
const STD: &str = "/rustc/59807616/library/core/src/future/poll_fn.rs";
const HYPER: &str = "/home/me/.cargo/registry/src/index.crates.io-1949/hyper-1.6.0/src/server.rs";
const CHANNEL: &str = "/home/me/.cargo/registry/src/index.crates.io-1949/async-channel-2.5.0/src/lib.rs";

fn call(function: &str, file: &str, line: u32) -> Frame {
    Frame { function: function.into(), file: (!file.is_empty()).then(|| file.into()), line }
}

/// `function:line`, and `xN` if it is there several times.
fn told(steps: &[Step]) -> Vec<String> {
    let times = |step: &Step| if step.repeated > 1 { format!(" x{}", step.repeated) } else { String::new() };
    steps.iter().map(|step| format!("{}:{}{}", step.frame.function, step.frame.line, times(step))).collect()
}

fn way(calls: &[Frame], home: Home<'_>) -> Vec<Step> {
    of_task(calls, home).steps
}

fn waiting() -> Vec<Frame> {
    vec![
        call("gumption_core::worker::Worker::run", "", 0),
        call("app::serve::{{closure}}", MAIN, 40),
        call("<core::future::poll_fn::PollFn<F> as core::future::future::Future>::poll", STD, 151),
        call("app::serve::{{closure}}::{{closure}}", MAIN, 40),
        call("hyper::server::serve::{{closure}}", HYPER, 9),
        call("app::fetch::{{closure}}", MAIN, 17),
        call("<async_channel::Recv<T> as core::future::future::Future>::poll", CHANNEL, 1210),
        call("clone", "", 0),
    ]
}

#[test]
fn the_programs_functions_are_left() {
    assert_eq!(told(&way(&waiting(), Home::default())), ["app::serve:40", "app::fetch:17"]);
}

#[test]
fn the_package_that_spawned_the_task_is_left_too() {
    let home = Home { spawned_in: HYPER, type_name: "" };
    let left = told(&way(&waiting(), home));
    assert_eq!(left, ["app::serve:40", "hyper::server::serve:9", "app::fetch:17"]);
}

#[test]
fn packages_are_left_where_nothing_else_is() {
    let calls: Vec<Frame> = waiting().into_iter().filter(|call| call.file.as_deref() != Some(MAIN)).collect();
    let left = told(&way(&calls, Home::default()));
    assert_eq!(left[0], "hyper::server::serve:9");
    assert_eq!(left.len(), 2);
}

#[test]
fn where_it_goes_on_in_packages_they_are_named() {
    let packages = |calls: &[Frame], spawned_in| of_task(calls, Home { spawned_in, type_name: "" }).packages;
    let mut calls = waiting();
    assert_eq!(packages(&calls, MAIN).as_deref(), Some("async-channel"));
    calls.insert(6, call("hyper::body::next", HYPER, 12));
    assert_eq!(packages(&calls, MAIN).as_deref(), Some("hyper > async-channel"));
    assert_eq!(packages(&calls, HYPER).as_deref(), Some("async-channel"), "the program's own package is none of them");
    assert_eq!(packages(&calls[..5], HYPER), None);
    assert_eq!(packages(&calls[4..5], MAIN), None, "then it is left itself");
}

#[test]
fn a_type_is_left_where_no_function_is() {
    let calls = [call("core::future::poll_fn", STD, 1), call("clone", "", 0)];
    let home = Home { spawned_in: "src/main.rs", type_name: "app::serve::{{closure}}" };
    assert_eq!(told(&way(&calls, home)), ["app::serve:0"]);
    assert_eq!(told(&way(&[], Home::default())), ["?:0"]);
}

#[test]
fn recursion_is_counted() {
    let mut calls = vec![call("app::tree::{{closure}}", MAIN, 4)];
    calls.extend(std::iter::repeat_n(call("app::tree::{{closure}}", MAIN, 9), 20));
    calls.push(call("app::leaf::{{closure}}", MAIN, 2));
    assert_eq!(told(&way(&calls, Home::default())), ["app::tree:4", "app::tree:9 x20", "app::leaf:2"]);
}

#[test]
fn functions_that_have_lost_their_paths_keep_their_places() {
    let calls = [
        call("app::serve::{closure#0}", MAIN, 40),
        call("{closure#0}", MAIN, 40),
        call("{async_fn#0}", MAIN, 17),
        call("{async_block#1}", MAIN, 19),
    ];
    let left = told(&way(&calls, Home::default()));
    assert_eq!(left, ["app::serve:40", "{async fn}:17", "{async block}:19"]);

    let named = |type_name| told(&way(&calls[2..], Home { spawned_in: "", type_name }));
    assert_eq!(named("app::fetch::{{closure}}"), ["app::fetch:17", "{async block}:19"], "by the type");
    assert_eq!(named("gumption::time::Timeout<app::fetch::{{closure}}>"), ["{async fn}:17", "{async block}:19"]);
    assert_eq!(named("app::Fetch"), ["{async fn}:17", "{async block}:19"], "that may call any");
}

#[test]
fn a_thread_shows_what_the_program_called_into() {
    let calls = [
        call("start_thread", "", 0),
        call("gumption_core::machine::run", "", 0),
        call("app::hash::{{closure}}", MAIN, 7),
        call("std::collections::HashMap<K,V>::insert", STD, 1),
        call("hashbrown::map::make_hash", STD, 2),
        call("memmove", "", 0),
    ];
    let left = told(&of_thread(&calls));
    assert_eq!(left, ["app::hash:7", "std::collections::HashMap<K,V>::insert:1", "memmove:0"]);
    assert_eq!(told(&of_thread(&calls[..3])), ["app::hash:7"]);
    assert_eq!(told(&of_thread(&calls[..2])).len(), 2, "without a function of the program everything is shown");
}
