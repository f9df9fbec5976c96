//! What the operating system knows of a thread: its CPU time, and whether it is asleep.
//!
//! A poll that does not return either computes or sleeps in the kernel, and the cure differs. The scheduler cannot tell;
//! the kernel can: a thread's CPU clock is exact to the nanosecond, and its state says whether it could run at all. A
//! thread that could run but does not (the machine is busy) shows neither CPU time nor sleep, so it is not taken for
//! either.
//!
//! Called for threads of this process: by who diagnoses, and by who adds up what looking costs. Elsewhere than on Linux the answer is `None`, and the rules
//! fall back on wall time.

use std::time::Duration;

/// A thread is kept off the CPU that is not asleep and has run for less than one part in so many of the time between two readings.
pub const KEPT_OFF: u64 = 8;

/// One reading of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadClock {
    /// CPU time since the thread began.
    pub cpu_ns: u64,
    /// Whether the kernel had it asleep just now.
    pub asleep: bool,
    /// The address of the futex that it slept at, if it did: that of a lock, a condition variable, a channel of the standard library.
    pub futex: Option<u64>,
}

/// CPU time, since it began, of the thread that the kernel calls `thread_id`.
#[cfg(target_os = "linux")]
pub fn cpu(thread_id: u64) -> Option<u64> {
    let tid = i32::try_from(thread_id).ok().filter(|tid| *tid > 0)?;
    // The kernel's own encoding of another thread's CPU clock (CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED), which is what
    // pthread_getcpuclockid hands out; that function wants a pthread_t, and all that a snapshot has is a thread id.
    let clock: libc::clockid_t = (!tid << 3) | 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the write; an id of no thread makes the call fail, and nothing else.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

/// Reads the thread that the kernel calls `thread_id`.
#[cfg(target_os = "linux")]
pub fn read(thread_id: u64) -> Option<ThreadClock> {
    let cpu_ns = cpu(thread_id)?;
    let stat = std::fs::read(format!("/proc/self/task/{thread_id}/stat")).ok()?;
    let asleep = asleep(&stat)?;
    let call = if asleep { std::fs::read_to_string(format!("/proc/self/task/{thread_id}/syscall")).ok() } else { None };
    Some(ThreadClock { cpu_ns, asleep, futex: call.as_deref().and_then(futex) })
}

/// Time that the thread which the kernel calls `thread_id` has run, and that it could have run and stood in line for a CPU.
#[cfg(target_os = "linux")]
pub fn turns(thread_id: u64) -> Option<(u64, u64)> {
    schedstat(&std::fs::read_to_string(format!("/proc/self/task/{thread_id}/schedstat")).ok()?)
}

/// What the machine's CPUs have done in all, in ticks of the kernel's: everything, and the part of it that a hypervisor took away.
#[cfg(target_os = "linux")]
pub fn stolen() -> Option<(u64, u64)> {
    let stat = std::fs::File::open("/proc/stat").ok()?;
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stat), &mut line).ok()?;
    steal(&line)
}

/// CPU time of the calling thread since it began.
#[cfg(target_os = "linux")]
pub fn own_cpu() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the write.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } == 0;
    read.then(|| Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?)))?
}

/// *Bytes* of memory that this process has in RAM.
#[cfg(target_os = "linux")]
pub fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf has no preconditions.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some(pages * page)
}

/// *Bytes* of memory that this process has in RAM: not known here.
#[cfg(not(target_os = "linux"))]
pub fn resident() -> Option<u64> {
    None
}

/// CPU time of a thread: not known here.
#[cfg(not(target_os = "linux"))]
pub fn cpu(_thread_id: u64) -> Option<u64> {
    None
}

/// How long a thread ran and waited for a CPU: not known here.
#[cfg(not(target_os = "linux"))]
pub fn turns(_thread_id: u64) -> Option<(u64, u64)> {
    None
}

/// What the machine's CPUs have done: not known here.
#[cfg(not(target_os = "linux"))]
pub fn stolen() -> Option<(u64, u64)> {
    None
}

/// CPU time of the calling thread since it began: not known here.
#[cfg(not(target_os = "linux"))]
pub fn own_cpu() -> Option<Duration> {
    None
}

/// Reads the thread that the kernel calls `thread_id`: not known here.
#[cfg(not(target_os = "linux"))]
pub fn read(_thread_id: u64) -> Option<ThreadClock> {
    None
}

/// The state letter stands after the name, which is in parentheses and may itself contain some.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn asleep(stat: &[u8]) -> Option<bool> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let state = stat.get(end + 2)?;
    Some(matches!(state, b'S' | b'D' | b'T' | b't'))
}

/// The number of the system call, its arguments, ...
#[cfg(target_os = "linux")]
fn futex(call: &str) -> Option<u64> {
    let mut words = call.split_ascii_whitespace();
    let number: libc::c_long = words.next()?.parse().ok()?;
    let address = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    (number == libc::SYS_futex).then_some(address)
}

/// Nanoseconds on a CPU, nanoseconds in line for one, and how often.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn schedstat(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse().ok());
    Some((words.next()??, words.next()??))
}

/// `cpu`, then ticks as user, nice, system, idle, iowait, irq, softirq, steal; what follows is in the first two.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn steal(line: &str) -> Option<(u64, u64)> {
    let ticks: Option<Vec<u64>> =
        line.strip_prefix("cpu ")?.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
    let ticks = ticks?;
    let all = ticks.get(..8)?;
    Some((all.iter().sum(), all[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn lines_of_the_kernel_are_read() {
        assert_eq!(schedstat("17996965 42 1\n"), Some((17_996_965, 42)));
        assert_eq!((schedstat("17996965"), schedstat("a b")), (None, None));
        assert_eq!(steal("cpu  10 20 30 40 50 0 6 7 8 9\n"), Some((163, 7)));
        assert_eq!((steal("cpu0 1 2 3 4 5 6 7 8"), steal("cpu  1 2 3")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_computes_has_had_turns() {
        // SAFETY: gettid has no preconditions.
        let me = u64::try_from(unsafe { libc::gettid() }).unwrap();
        let (ran, _) = turns(me).unwrap();
        let until = cpu(me).unwrap() + 20_000_000;
        while cpu(me).unwrap() < until {
            std::hint::spin_loop();
        }
        // The kernel adds it up at its ticks, and when the thread leaves the CPU.
        std::thread::yield_now();
        assert!(turns(me).unwrap().0 >= ran + 10_000_000);
        assert!(stolen().is_some_and(|(all, stolen)| all > stolen));
        assert_eq!(turns(u64::MAX), None);
    }

    #[test]
    fn a_futex_is_told_by_its_call() {
        let call = |number: libc::c_long| format!("{number} 0x7f00beef 0x80 0x2 0x0 0x0 0x0 0x7ffd 0x7f01");
        assert_eq!(futex(&call(libc::SYS_futex)), Some(0x7f00_beef));
        assert_eq!(futex(&call(libc::SYS_futex + 1)), None);
        assert_eq!((futex("running"), futex("-1 0x7ffd 0x7f01"), futex("")), (None, None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_waits_for_a_lock_sleeps_at_its_futex() {
        let lock = std::sync::Arc::new(std::sync::Mutex::new(()));
        let held = lock.lock().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let waits = || {
            let (tell, lock) = (tell.clone(), lock.clone());
            std::thread::spawn(move || {
                // SAFETY: gettid has no preconditions.
                tell.send(u64::try_from(unsafe { libc::gettid() }).unwrap()).unwrap();
                drop(lock.lock());
            })
        };
        let threads = [waits(), waits()];
        let ids: Vec<u64> = told.iter().take(2).collect();
        let at = loop {
            let at: Vec<_> = ids.iter().filter_map(|id| read(*id)?.futex).collect();
            if at.len() == 2 {
                break at;
            }
            std::thread::yield_now();
        };
        assert_eq!(at[0], at[1]);
        drop(held);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn the_name_may_hold_parentheses() {
        assert_eq!(asleep(b"12 (a) R (b) S 1 2"), Some(true));
        assert_eq!(asleep(b"12 (S) R 1 2"), Some(false));
        assert_eq!(asleep(b"12 (cut"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_touched_is_resident() {
        let before = resident().unwrap();
        let much = vec![1u8; 64 << 20];
        assert!(resident().unwrap() > before + (32 << 20), "{}", std::hint::black_box(&much).len());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_sees_itself_awake_and_its_clock_run() {
        // SAFETY: gettid has no preconditions.
        let me = u64::try_from(unsafe { libc::gettid() }).unwrap();
        let before = read(me).unwrap();
        let mut sum = 0u64;
        while read(me).unwrap().cpu_ns < before.cpu_ns + 1_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(!read(me).unwrap().asleep);
        let earlier = own_cpu().unwrap();
        assert!(earlier >= Duration::from_millis(1));
        assert!(own_cpu().unwrap() >= earlier);
        assert_eq!(read(u64::MAX), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_blocked_thread_is_asleep_and_burns_nothing() {
        let (say, hear) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            // SAFETY: gettid has no preconditions.
            say.send(u64::try_from(unsafe { libc::gettid() }).unwrap()).unwrap();
            wait.recv().unwrap_err();
        });
        let tid = hear.recv().unwrap();
        // It is called asleep a little before it has left its CPU, which on a busy machine may take a while.
        let patience = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let (first, second) = (read(tid).unwrap(), read(tid).unwrap());
            if first.asleep && second == first {
                break;
            }
            assert!(std::time::Instant::now() < patience, "{first:?} {second:?}");
            std::thread::yield_now();
        }
        drop(release);
        thread.join().unwrap();
    }
}
