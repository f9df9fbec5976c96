//! A process for which no descriptor is left: its spawn fails, and leaves no process and no zombie. Alone in its process, all
//! of whose descriptors it takes.
#![cfg(target_os = "linux")]

use std::fs::File;

use gumption_io::Netpoller;
use gumption_io::process::Command;

/// The pids of this process's children, zombies among them.
fn children() -> Vec<u32> {
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        // A thread may have ended meanwhile.
        std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default()
    };
    let all: String = std::fs::read_dir("/proc/self/task").unwrap().map(of_thread).collect();
    all.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_spawn_without_descriptors_leaves_no_process() {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: lowers this process's limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let runtime = gumption_core::runtime::Runtime::<Netpoller>::new().unwrap();
    runtime.block_on(async {
        let mut kept = Command::new("sleep").arg("10000").kill_on_drop(true).spawn().unwrap();
        assert_eq!(children(), [kept.id().unwrap()]);
        let mut all = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            all.push(file);
        }
        // With inherited stdio the standard library needs no descriptor, so the process is there before it is known that
        // nothing can watch it.
        let error = Command::new("sleep").arg("10000").spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        let pid = kept.id().unwrap();
        assert!(kept.try_wait().unwrap().is_none());
        drop(kept);
        drop(all);
        while !children().is_empty() {
            std::thread::yield_now();
        }
        // SAFETY: signal 0 is none.
        assert_ne!(unsafe { libc::kill(pid as libc::pid_t, 0) }, 0);
        assert!(Command::new("true").status().await.unwrap().success());
    });
}
