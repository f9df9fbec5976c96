//! The reaper by each of its ways of noticing. What it does for dropped children is tested from outside.

use super::{Orphan, Orphanage, has_ended};
use crate::process::pidfd::Pidfd;
use std::process::{Child, Command, Stdio};

/// A reaper of the test's own, so that tests beside it do not disturb it.
fn orphanage() -> &'static Orphanage {
    Box::leak(Box::new(Orphanage::new()))
}

/// A child that lives until its stdin is closed.
fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
}

fn pid(child: &Child) -> libc::pid_t {
    child.id() as libc::pid_t
}

fn with_pidfd(child: &Child) -> Orphan {
    Orphan { pid: pid(child), pidfd: Pidfd::open(pid(child)).ok() }
}

fn without_pidfd(child: &Child) -> Orphan {
    Orphan { pid: pid(child), pidfd: None }
}

/// Waits until nobody has to wait for `pid` any more, by looking.
fn until_reaped(pid: libc::pid_t) {
    // SAFETY: signal 0 is none, and asks whether there is such a process, be it a zombie.
    while unsafe { libc::kill(pid, 0) } == 0 {
        std::thread::yield_now();
    }
}

/// Waits until the thread has gone.
fn until_idle(orphanage: &Orphanage) {
    while !matches!(orphanage.lock().service, super::Service::None) {
        std::thread::yield_now();
    }
    assert!(orphanage.lock().orphans.is_empty());
}

#[test]
fn an_orphan_is_reaped_when_it_ends() {
    let orphanage = orphanage();
    // Twice, because the thread goes in between.
    for _ in 0..2 {
        let child = cat();
        let pid = pid(&child);
        orphanage.adopt(with_pidfd(&child));
        assert!(!has_ended(pid));
        // Closes its stdin, and nothing else.
        drop(child);
        until_reaped(pid);
        until_idle(orphanage);
    }
}

#[test]
fn each_of_many_is_reaped_in_whatever_order() {
    let orphanage = orphanage();
    let mut children: Vec<_> = (0..30).map(|_| cat()).collect();
    for (number, child) in children.iter().enumerate() {
        orphanage.adopt(if number % 3 == 0 { without_pidfd(child) } else { with_pidfd(child) });
    }
    // From the middle outwards.
    while !children.is_empty() {
        let child = children.remove(children.len() / 2);
        let pid = pid(&child);
        drop(child);
        until_reaped(pid);
    }
    until_idle(orphanage);
}

#[test]
fn an_orphan_without_a_pidfd_is_told_of_by_the_signal() {
    let orphanage = orphanage();
    let (stays, goes) = (cat(), cat());
    let pids = [pid(&stays), pid(&goes)];
    orphanage.adopt(with_pidfd(&stays));
    orphanage.adopt(without_pidfd(&goes));
    drop(goes);
    until_reaped(pids[1]);
    assert!(!has_ended(pids[0]));
    drop(stays);
    until_reaped(pids[0]);
    until_idle(orphanage);
}

#[test]
fn without_a_bell_the_orphans_are_asked_after() {
    let orphanage = orphanage();
    let child = cat();
    let pid = pid(&child);
    orphanage.lock().orphans.push(without_pidfd(&child));
    let served = std::thread::spawn(|| orphanage.serve(None));
    drop(child);
    until_reaped(pid);
    served.join().unwrap();
}

#[test]
fn an_orphan_that_no_thread_serves_is_tended_later() {
    let orphanage = orphanage();
    let child = cat();
    let pid = pid(&child);
    // As after an `adopt` that got no thread.
    orphanage.lock().orphans.push(with_pidfd(&child));
    drop(child);
    orphanage.tend();
    until_reaped(pid);
    until_idle(orphanage);
    orphanage.tend();
    until_idle(orphanage);
}

#[test]
fn who_was_waited_for_already_has_ended() {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    assert!(has_ended(pid(&child)));
}

#[cfg(target_os = "linux")]
#[test]
fn a_pidfd_is_closed_on_exec() {
    use std::os::fd::AsRawFd;
    let child = cat();
    let pidfd = Pidfd::open(pid(&child)).unwrap();
    // SAFETY: the descriptor is open.
    assert_ne!(unsafe { libc::fcntl(pidfd.as_raw_fd(), libc::F_GETFD) } & libc::FD_CLOEXEC, 0);
    super::adopt(pid(&child));
    drop(child);
}
