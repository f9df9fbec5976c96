//! The netpoller leaves no descriptor behind. Alone in its process, because it looks at all of the process's.
#![cfg(target_os = "linux")]

use gumption_core::driver::Driver;
use gumption_io::Netpoller;

/// What the process's descriptors are, sorted.
fn descriptors() -> Vec<String> {
    let mut all: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn a_dropped_netpoller_closes_its_descriptors() {
    let before = descriptors();
    let timers = |all: &[String]| all.iter().filter(|target| target.contains("timerfd")).count();
    assert_eq!(timers(&before), 0);
    let mut driver = Netpoller::new().unwrap();
    let _ = driver.turn(Some(std::time::Duration::from_micros(100))).unwrap();
    assert_eq!(timers(&descriptors()), 1);
    drop(driver);
    assert_eq!(descriptors(), before);
}
