//! Listeners for signals: what is told, to whom, and what is left behind.
//!
//! A signal is the process's, and these tests share one: each uses a signal of its own (real-time ones on Linux where a
//! name does not matter). A signal that a test raises on its own thread is handled before `raise` returns.

use std::future::{Future, poll_fn};
use std::os::raw::c_int;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;

use gumption_core::internals::with_current;
use gumption_core::wait::WaitReason;
use gumption_io::Netpoller;
use gumption_io::process::Command;
use gumption_io::signal::ctrl_c;
use gumption_io::signal::unix::{Signal, SignalKind, signal};

type Runtime = gumption_core::runtime::Runtime<Netpoller>;
type Builder = gumption_core::runtime::Builder<Netpoller>;

fn both(test: impl Fn(&Runtime)) {
    test(&Builder::new_current_thread().enable_all().build().unwrap());
    test(&Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
}

fn raise(signal: c_int) {
    // SAFETY: raises a signal; whoever calls this has had it handled before.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// One poll of `recv`, and whether it was told.
async fn told_already(listener: &mut Signal) -> bool {
    poll_fn(|cx| Poll::Ready(listener.poll_recv(cx).is_ready())).await
}

/// Gives the netpoller time to say what it has to say, by a signal whose way is the same.
async fn settle() {
    let mut other = signal(SignalKind::window_change()).unwrap();
    raise(libc::SIGWINCH);
    other.recv().await.unwrap();
}

#[test]
fn a_raised_signal_is_told_each_time() {
    both(|runtime| {
        runtime.block_on(async {
            let mut listener = signal(SignalKind::user_defined1()).unwrap();
            for _ in 0..100 {
                raise(libc::SIGUSR1);
                assert_eq!(listener.recv().await, Some(()));
            }
        });
    });
}

#[test]
fn a_signal_wakes_a_task_that_waits() {
    both(|runtime| {
        runtime.block_on(async {
            let (tell, told) = mpsc::channel();
            let mut listener = signal(SignalKind::alarm()).unwrap();
            let waiter = gumption_core::spawn(async move {
                let mut recv = pin!(listener.recv());
                poll_fn(|cx| {
                    let polled = recv.as_mut().poll(cx);
                    // Only now is it waiting, and whoever raises may.
                    let _ = tell.send(());
                    polled
                })
                .await
            });
            let raiser = std::thread::spawn(move || {
                told.recv().unwrap();
                raise(libc::SIGALRM);
            });
            assert_eq!(waiter.await.unwrap(), Some(()));
            raiser.join().unwrap();
        });
    });
}

#[test]
fn signals_coalesce_and_none_is_told_twice() {
    both(|runtime| {
        runtime.block_on(async {
            let mut listener = signal(SignalKind::hangup()).unwrap();
            for _ in 0..10_000 {
                raise(libc::SIGHUP);
            }
            assert_eq!(listener.recv().await, Some(()));
            assert!(!told_already(&mut listener).await);
            settle().await;
            assert!(!told_already(&mut listener).await);
            raise(libc::SIGHUP);
            assert_eq!(listener.recv().await, Some(()));
        });
    });
}

#[test]
fn a_listener_sees_what_comes_after_it_was_made() {
    both(|runtime| {
        runtime.block_on(async {
            let mut early = signal(SignalKind::io()).unwrap();
            raise(libc::SIGIO);
            let mut late = signal(SignalKind::io()).unwrap();
            early.recv().await.unwrap();
            settle().await;
            assert!(!told_already(&mut late).await);
            raise(libc::SIGIO);
            early.recv().await.unwrap();
            late.recv().await.unwrap();
        });
    });
}

#[test]
fn dropping_one_listener_leaves_the_other() {
    both(|runtime| {
        runtime.block_on(async {
            let first = signal(SignalKind::user_defined2()).unwrap();
            let mut second = signal(SignalKind::user_defined2()).unwrap();
            drop(first);
            raise(libc::SIGUSR2);
            second.recv().await.unwrap();
            drop(second);
            // Nobody listens; the handler stays, so the process does, too.
            raise(libc::SIGUSR2);
            let mut third = signal(SignalKind::user_defined2()).unwrap();
            assert!(!told_already(&mut third).await);
            raise(libc::SIGUSR2);
            third.recv().await.unwrap();
        });
    });
}

#[test]
fn each_of_two_runtimes_is_told() {
    let (one, other) = (Runtime::new().unwrap(), Builder::new_current_thread().enable_all().build().unwrap());
    let listen = |runtime: &Runtime| runtime.block_on(async { signal(SignalKind::pipe()).unwrap() });
    let (mut first, mut second) = (listen(&one), listen(&other));
    for _ in 0..20 {
        raise(libc::SIGPIPE);
        one.block_on(first.recv()).unwrap();
        other.block_on(second.recv()).unwrap();
    }
    // The end of one takes nothing from the other, and its own listener moves.
    drop(one);
    raise(libc::SIGPIPE);
    for listener in [&mut first, &mut second] {
        other.block_on(listener.recv()).unwrap();
        assert!(!other.block_on(told_already(listener)));
    }
    raise(libc::SIGPIPE);
    for listener in [&mut first, &mut second] {
        other.block_on(listener.recv()).unwrap();
    }
    drop(other);
    // In no runtime there is nobody to be told by; what has come in time it still tells.
    raise(libc::SIGPIPE);
    let mut polls = std::iter::repeat_with(|| {
        let mut recv = pin!(first.recv());
        recv.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    });
    assert!(polls.by_ref().take(2).any(|polled| polled == Poll::Ready(None)));
}

#[test]
fn runtimes_come_and_go() {
    for _ in 0..20 {
        both(|runtime| {
            runtime.block_on(async {
                let mut listener = signal(SignalKind::quit()).unwrap();
                raise(libc::SIGQUIT);
                listener.recv().await.unwrap();
            });
        });
    }
}

#[test]
fn ctrl_c_completes_at_an_interrupt() {
    both(|runtime| {
        runtime.block_on(async {
            // Handles it, so that the process survives one that comes before `ctrl_c` listens.
            let _handled = signal(SignalKind::interrupt()).unwrap();
            let mut interrupted = pin!(ctrl_c());
            poll_fn(|cx| {
                assert!(interrupted.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            raise(libc::SIGINT);
            interrupted.await.unwrap();
        });
    });
}

#[test]
fn a_cancelled_recv_takes_nothing() {
    both(|runtime| {
        runtime.block_on(async {
            let mut listener = signal(SignalKind::from_raw(libc::SIGURG)).unwrap();
            assert!(!told_already(&mut listener).await);
            {
                let mut recv = pin!(listener.recv());
                assert!(poll_fn(|cx| Poll::Ready(recv.as_mut().poll(cx).is_pending())).await);
            }
            raise(libc::SIGURG);
            listener.recv().await.unwrap();
        });
    });
}

#[test]
fn what_cannot_be_listened_for_is_an_error() {
    both(|runtime| {
        runtime.block_on(async {
            for number in [-1, 0, libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, 4096] {
                let error = signal(SignalKind::from_raw(number)).expect_err("is refused");
                assert!(!error.to_string().is_empty(), "{number}");
            }
        });
    });
}

#[test]
fn outside_a_runtime_it_says_so() {
    let payload = std::panic::catch_unwind(|| signal(SignalKind::child())).expect_err("there is no runtime");
    let message = payload.downcast_ref::<String>().expect("a text");
    assert!(message.contains("no reactor running"), "{message}");
}

#[test]
fn the_wait_names_the_signal() {
    both(|runtime| {
        let waits = runtime.block_on(async {
            let waiter = gumption_core::spawn(async {
                let mut listener = signal(SignalKind::terminate()).unwrap();
                assert!(!told_already(&mut listener).await);
                with_current(|task| task.wait())
            });
            waiter.await.unwrap()
        });
        assert_eq!(waits, Some((WaitReason::Signal, libc::SIGTERM as u64)));
    });
}

#[test]
fn a_signal_to_a_forked_child_is_not_told_to_its_parent() {
    both(|runtime| {
        runtime.block_on(async {
            let mut listener = signal(SignalKind::from_raw(libc::SIGTSTP)).unwrap();
            let mut command = Command::new("true");
            // Between fork and exec the child has our handlers, and our pipes.
            // SAFETY: raises a signal, which is async-signal-safe.
            unsafe {
                command.pre_exec(|| {
                    raise(libc::SIGTSTP);
                    Ok(())
                })
            };
            assert!(command.status().await.unwrap().success());
            settle().await;
            assert!(!told_already(&mut listener).await);
            raise(libc::SIGTSTP);
            listener.recv().await.unwrap();
            assert!(!told_already(&mut listener).await);
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_time_signal_is_as_good_as_a_named_one() {
    both(|runtime| {
        runtime.block_on(async {
            let number = libc::SIGRTMIN() + 3;
            let mut listener = signal(SignalKind::from_raw(number)).unwrap();
            raise(number);
            listener.recv().await.unwrap();
        });
    });
}
