//! Hundreds of children hold no more descriptors than they must, and give all of them back, with threads and zombies. Alone
//! in its process, because it looks at all of the process's.
#![cfg(target_os = "linux")]

use std::process::Stdio;

use gumption_io::Netpoller;
use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
use gumption_io::process::Command;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The pids of this process's children, zombies among them.
fn children() -> Vec<u32> {
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        // A thread may have ended meanwhile.
        std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default()
    };
    let all: String = std::fs::read_dir("/proc/self/task").unwrap().map(of_thread).collect();
    all.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn has_reaper() -> bool {
    let is_reaper = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.unwrap().path().join("comm")).is_ok_and(|name| name.trim() == "gumption-reaper")
    };
    std::fs::read_dir("/proc/self/task").unwrap().any(is_reaper)
}

#[test]
fn hundreds_of_children_at_once_leave_nothing_behind() {
    const CHILDREN: usize = 300;
    let runtime = gumption_core::runtime::Runtime::<Netpoller>::new().unwrap();
    let before = descriptors();
    runtime.block_on(async {
        let spawn = |_| Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let all: Vec<_> = (0..CHILDREN).map(spawn).collect();
        assert_eq!(children().len(), CHILDREN);
        // Two pipes and what tells of the end.
        assert_eq!(descriptors(), before + 3 * CHILDREN);
        let talk = |(mut child, number): (gumption_io::process::Child, u64)| {
            gumption_core::spawn(async move {
                child.stdin.as_mut().unwrap().write_all(&number.to_be_bytes()).await.unwrap();
                assert_eq!(child.stdout.as_mut().unwrap().read_u64().await.unwrap(), number);
                // Half are waited for, half are dropped.
                if number % 2 == 0 {
                    assert!(child.wait().await.unwrap().success());
                }
            })
        };
        let talks: Vec<_> = all.into_iter().zip(0..).map(talk).collect();
        for talk in talks {
            talk.await.unwrap();
        }
    });
    // Nobody does anything for it any more, and if that were not enough this would hang.
    while !children().is_empty() {
        std::thread::yield_now();
    }
    // It has reaped, so it has its name by now; or it was not needed.
    while has_reaper() {
        std::thread::yield_now();
    }
    assert_eq!(descriptors(), before);
}
