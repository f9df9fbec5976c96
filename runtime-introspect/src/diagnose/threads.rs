//! What the operating system knows of a thread: its CPU time, and whether it is asleep.
//!
//! A poll that does not return either computes or sleeps in the kernel, and the cure differs. The scheduler cannot tell;
//! the kernel can: a thread's CPU clock is exact to the nanosecond, and its state says whether it could run at all. A
//! thread that could run but does not (the machine is busy) shows neither CPU time nor sleep, so it is not taken for
//! either.
//!
//! Called by the sampler only, for threads of this process. Elsewhere than on Linux the answer is `None`, and the rules
//! fall back on wall time.

use std::time::Duration;

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

/// Reads the thread that the kernel calls `thread_id`.
#[cfg(target_os = "linux")]
pub fn read(thread_id: u64) -> Option<ThreadClock> {
    let tid = i32::try_from(thread_id).ok().filter(|tid| *tid > 0)?;
    // The kernel's own encoding of another thread's CPU clock (CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED), which is what
    // pthread_getcpuclockid hands out; that function wants a pthread_t, and all that a snapshot has is a thread id.
    let clock: libc::clockid_t = (!tid << 3) | 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the write; an id of no thread makes the call fail, and nothing else.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let cpu_ns = u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?;
    let stat = std::fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
    let asleep = asleep(&stat)?;
    let call = if asleep { std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok() } else { None };
    Some(ThreadClock { cpu_ns, asleep, futex: call.as_deref().and_then(futex) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
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
        while !read(tid).unwrap().asleep {
            std::thread::yield_now();
        }
        let asleep = read(tid).unwrap().cpu_ns;
        assert_eq!(read(tid).unwrap().cpu_ns, asleep);
        drop(release);
        thread.join().unwrap();
    }
}
