//! Waiting by `SIGCHLD`, which a system with pidfds does not come to, and what becomes of a leash.

use super::{Leash, Notice, Running};
use crate::Netpoller;
use std::future::poll_fn;
use std::process::{Command, Stdio};
use std::task::Poll;

type Runtime = gumption_core::runtime::Runtime<Netpoller>;
type Builder = gumption_core::runtime::Builder<Netpoller>;

/// A child that is told of by the signal.
fn by_signal(mut command: Command) -> (Running, Option<std::process::ChildStdin>) {
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take();
    let notice = Notice::by_signal(child.id()).unwrap();
    (Leash::new(child).told_by(notice, false), stdin)
}

fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped());
    command
}

fn both(test: impl Fn(&Runtime)) {
    test(&Builder::new_current_thread().enable_all().build().unwrap());
    test(&Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
}

#[test]
fn the_signal_tells_of_the_end() {
    both(|runtime| {
        runtime.block_on(async {
            let (mut running, stdin) = by_signal(cat());
            let waits = poll_fn(|cx| Poll::Ready(running.poll_wait(cx).is_pending())).await;
            assert!(waits);
            drop(stdin);
            assert!(poll_fn(|cx| running.poll_wait(cx)).await.unwrap().success());
        });
    });
}

#[test]
fn who_had_ended_before_the_listener_was_made_is_found() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
            // The end of its output is the beginning of its end at the latest.
            let mut all = Vec::new();
            std::io::Read::read_to_end(child.stdout.as_mut().unwrap(), &mut all).unwrap();
            let notice = Notice::by_signal(child.id()).unwrap();
            let mut running = Leash::new(child).told_by(notice, false);
            assert!(poll_fn(|cx| running.poll_wait(cx)).await.unwrap().success());
        });
    });
}

#[test]
fn each_of_many_is_told_of_by_coalescing_signals() {
    both(|runtime| {
        runtime.block_on(async {
            let children: Vec<_> = (0..40).map(|_| by_signal(cat())).collect();
            let mut waits = Vec::new();
            for (mut running, stdin) in children {
                waits.push(gumption_core::spawn(async move {
                    drop(stdin);
                    poll_fn(|cx| running.poll_wait(cx)).await
                }));
            }
            for wait in waits {
                assert!(wait.await.unwrap().unwrap().success());
            }
        });
    });
}

#[test]
fn the_signal_tells_in_another_runtime() {
    let one = Runtime::new().unwrap();
    let (mut running, stdin) = one.block_on(async { by_signal(cat()) });
    drop(one);
    Runtime::new().unwrap().block_on(async {
        assert!(poll_fn(|cx| Poll::Ready(running.poll_wait(cx).is_pending())).await);
        drop(stdin);
        assert!(poll_fn(|cx| running.poll_wait(cx)).await.unwrap().success());
    });
}

#[test]
fn a_child_that_is_not_watched_is_killed() {
    // Outside a runtime: there is nothing to watch it with.
    let mut command = Command::new("sleep");
    let child = command.arg("1000").spawn().unwrap();
    let pid = child.id() as libc::pid_t;
    let watched = std::panic::catch_unwind(|| Leash::new(child).watch(false));
    assert!(watched.is_err());
    // SAFETY: signal 0 is none, and asks whether there is such a process, be it a zombie.
    while unsafe { libc::kill(pid, 0) } == 0 {
        std::thread::yield_now();
    }
}
