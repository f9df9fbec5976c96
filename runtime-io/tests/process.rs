//! Child processes: their stdio, their ends, and that none is left behind.
//!
//! Children are `sh`, `cat`, `echo` and `sleep`, as any Unix has them. A `sleep` is never waited out.

use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};

use gumption_core::internals::with_current;
use gumption_core::wait::WaitReason;
use gumption_io::Netpoller;
use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
use gumption_io::process::{Child, ChildStdout, Command};

type Runtime = gumption_core::runtime::Runtime<Netpoller>;
type Builder = gumption_core::runtime::Builder<Netpoller>;

fn both(test: impl Fn(&Runtime)) {
    test(&Builder::new_current_thread().enable_all().build().unwrap());
    test(&Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    command.arg("10000");
    command
}

/// Whether there is such a process, be it a zombie.
fn exists(pid: u32) -> bool {
    // SAFETY: signal 0 is none.
    unsafe { libc::kill(pid as libc::pid_t, 0) == 0 }
}

/// Returns once nobody has to wait for the process any more. Somebody does without this test's doing anything, or it hangs.
fn until_gone(pid: u32) {
    while exists(pid) {
        std::thread::yield_now();
    }
    // SAFETY: the status is not asked for.
    let waited = unsafe { libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), libc::WNOHANG) };
    assert_eq!((waited, io::Error::last_os_error().raw_os_error()), (-1, Some(libc::ECHILD)));
}

async fn waits(child: &mut Child) -> bool {
    let mut wait = pin!(child.wait());
    poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_pending())).await
}

#[test]
fn exit_codes_come_back() {
    both(|runtime| {
        runtime.block_on(async {
            for code in [0, 1, 42, 255] {
                let mut child = sh(&format!("exit {code}")).spawn().unwrap();
                assert!(exists(child.id().unwrap()));
                assert_eq!(child.wait().await.unwrap().code(), Some(code));
                assert_eq!(child.wait().await.unwrap().code(), Some(code));
                assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(code));
                assert_eq!(child.id(), None);
                // There is nobody to kill, which is no error.
                child.start_kill().unwrap();
                child.kill().await.unwrap();
            }
            assert!(!sh("exit 9").status().await.unwrap().success());
            assert_eq!(sh("kill -TERM $$").status().await.unwrap().signal(), Some(libc::SIGTERM));
        });
    });
}

#[test]
fn output_collects_both_streams() {
    both(|runtime| {
        runtime.block_on(async {
            let output = sh("echo out; echo err >&2; exit 5").output().await.unwrap();
            assert_eq!(output.status.code(), Some(5));
            assert_eq!(output.stdout, b"out\n");
            assert_eq!(output.stderr, b"err\n");
        });
    });
}

#[test]
fn output_takes_more_than_both_pipes_hold() {
    both(|runtime| {
        runtime.block_on(async {
            let script = "head -c 300000 /dev/zero >&2; head -c 500000 /dev/zero";
            let output = sh(script).output().await.unwrap();
            assert_eq!((output.stdout.len(), output.stderr.len()), (500_000, 300_000));
        });
    });
}

#[test]
fn a_mebibyte_goes_through_cat() {
    both(|runtime| {
        runtime.block_on(async {
            let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i ^ (i >> 8)) as u8).collect();
            let mut child = cat().spawn().unwrap();
            let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let to_send = sent.clone();
            // Dropped with the task, which is what `cat` sees as the end.
            let writer = gumption_core::spawn(async move { stdin.write_all(&to_send).await });
            let mut received = Vec::new();
            stdout.read_to_end(&mut received).await.unwrap();
            writer.await.unwrap().unwrap();
            assert!(received == sent);
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_conversation_goes_back_and_forth() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = cat().spawn().unwrap();
            let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            for round in 0..200_u32 {
                stdin.write_all(&round.to_be_bytes()).await.unwrap();
                assert_eq!(stdout.read_u32().await.unwrap(), round);
            }
            drop(stdin);
            assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn the_end_is_read_after_less_than_was_asked_for() {
    both(|runtime| {
        runtime.block_on(async {
            // The bytes and the end come before the first look: both have to be seen by one readiness.
            let mut child = sh("printf abc").stdout(Stdio::piped()).spawn().unwrap();
            child.wait().await.unwrap();
            let mut stdout = child.stdout.take().unwrap();
            let mut bytes = [0; 100];
            assert_eq!(stdout.read(&mut bytes).await.unwrap(), 3);
            assert_eq!(stdout.read(&mut bytes).await.unwrap(), 0);
        });
    });
}

#[test]
fn writing_to_who_has_gone_is_an_error() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = sh("exit 0").stdin(Stdio::piped()).spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            child.wait().await.unwrap();
            let error = stdin.write_all(&[0; 1 << 20]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn a_writer_that_waits_is_told_that_its_reader_was_killed() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = sleep().stdin(Stdio::piped()).spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            {
                // More than a pipe holds, and nobody reads.
                let mut write = pin!(stdin.write_all(&[0; 1 << 20]));
                assert!(poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx).is_pending())).await);
            }
            let writer = gumption_core::spawn(async move { stdin.write_all(&[0; 1 << 20]).await });
            child.kill().await.unwrap();
            assert_eq!(writer.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn wait_closes_stdin_and_try_wait_does_not() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = cat().spawn().unwrap();
            assert!(child.try_wait().unwrap().is_none());
            assert!(child.stdin.is_some());
            assert!(child.wait().await.unwrap().success());
            assert!(child.stdin.is_none());
        });
    });
}

#[test]
fn a_wait_may_be_dropped_and_started_again() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = cat().spawn().unwrap();
            let stdin = child.stdin.take();
            for _ in 0..3 {
                assert!(waits(&mut child).await);
            }
            drop(stdin);
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_wait_may_move_to_another_task() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = cat().spawn().unwrap();
            let stdin = child.stdin.take();
            assert!(waits(&mut child).await);
            let waiter = gumption_core::spawn(async move { child.wait().await });
            drop(stdin);
            assert!(waiter.await.unwrap().unwrap().success());
        });
    });
}

#[test]
fn kill_kills() {
    both(|runtime| {
        runtime.block_on(async {
            let mut child = sleep().spawn().unwrap();
            let pid = child.id().unwrap();
            child.kill().await.unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
            until_gone(pid);

            let mut child = sleep().spawn().unwrap();
            child.start_kill().unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
        });
    });
}

#[test]
fn kill_on_drop_kills_and_reaps() {
    both(|runtime| {
        let mut command = sleep();
        command.kill_on_drop(true);
        assert!(command.get_kill_on_drop());
        let pid = runtime.block_on(async {
            let child = command.spawn().unwrap();
            child.id().unwrap()
        });
        until_gone(pid);
    });
}

#[test]
fn a_dropped_child_lives_on_and_is_reaped() {
    both(|runtime| {
        let (pid, stdin) = runtime.block_on(async {
            let mut child = cat().spawn().unwrap();
            (child.id().unwrap(), child.stdin.take().unwrap())
        });
        assert!(exists(pid));
        // SAFETY: the status is not asked for.
        assert_eq!(unsafe { libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), libc::WNOHANG) }, 0);
        drop(stdin);
        until_gone(pid);
    });
}

#[test]
fn fifty_dropped_children_leave_no_zombie() {
    both(|runtime| {
        let pids: Vec<_> = runtime.block_on(async {
            let spawn = |i: u32| {
                let mut command = if i.is_multiple_of(2) { sh("exit 1") } else { cat() };
                command.spawn().unwrap().id().unwrap()
            };
            (0..50).map(spawn).collect()
        });
        pids.into_iter().for_each(until_gone);
    });
}

#[test]
fn children_outlive_their_runtime_and_are_reaped_without_one() {
    let runtime = Runtime::new().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let (stdin, mut kept) = runtime.block_on(async {
        let mut child = cat().spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        send.send(child.id().unwrap()).unwrap();
        // A task that is cancelled by the end of the runtime, and drops the child then.
        gumption_core::spawn(async move { child.wait().await });
        (stdin, sleep().spawn().unwrap())
    });
    drop(runtime);
    let pid = receive.recv().unwrap();
    assert!(exists(pid));
    drop(stdin);
    until_gone(pid);
    // What was started in a runtime that has ended can be asked after, in none it cannot be waited for, in another it can.
    assert!(kept.try_wait().unwrap().is_none());
    let outside = pin!(kept.wait()).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(outside, Poll::Ready(Err(_))));
    let other = Runtime::new().unwrap();
    other.block_on(async {
        assert!(waits(&mut kept).await);
        kept.start_kill().unwrap();
        assert_eq!(kept.wait().await.unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_cancelled_output_kills_if_asked_to() {
    both(|runtime| {
        let pid = runtime.block_on(async {
            let mut command = sh("echo $$; exec sleep 10000");
            let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
            let pid = child.id().unwrap();
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                line.push(child.stdout.as_mut().unwrap().read_u8().await.unwrap());
            }
            assert_eq!(String::from_utf8(line).unwrap().trim(), pid.to_string());
            let mut output = pin!(child.wait_with_output());
            assert!(poll_fn(|cx| Poll::Ready(output.as_mut().poll(cx).is_pending())).await);
            pid
        });
        until_gone(pid);
    });
}

#[test]
fn one_childs_stdout_is_anothers_stdin() {
    both(|runtime| {
        runtime.block_on(async {
            let mut echo = Command::new("echo").arg("through two").stdout(Stdio::piped()).spawn().unwrap();
            let stdout: Stdio = echo.stdout.take().unwrap().try_into().unwrap();
            let output = Command::new("cat").stdin(stdout).output().await.unwrap();
            assert_eq!(output.stdout, b"through two\n");
            assert!(echo.wait().await.unwrap().success());

            // As a descriptor it blocks again, and comes back non-blocking.
            let mut cat = cat().spawn().unwrap();
            let stdout = std::process::ChildStdout::from(cat.stdout.take().unwrap().into_owned_fd().unwrap());
            let mut stdout = ChildStdout::from_std(stdout).unwrap();
            cat.stdin.as_mut().unwrap().write_all(b"x").await.unwrap();
            assert_eq!(stdout.read_u8().await.unwrap(), b'x');
            assert!(cat.wait().await.unwrap().success());
        });
    });
}

#[test]
fn the_builder_passes_everything_on() {
    both(|runtime| {
        runtime.block_on(async {
            let mut command = Command::new("/bin/sh");
            command.arg0("renamed").arg("-c").args(["echo \"$0 $A $B $PWD\""]);
            command.env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("C").current_dir("/");
            // SAFETY: a system call that is async-signal-safe.
            unsafe {
                command.pre_exec(|| {
                    libc::umask(0o77);
                    Ok(())
                })
            };
            command.process_group(0);
            assert_eq!(command.as_std().get_program(), "/bin/sh");
            let output = command.output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "renamed 1 2 /\n");
            assert_eq!(command.into_std().get_args().count(), 2);

            let mut grouped = sleep().process_group(0).spawn().unwrap();
            let pid = grouped.id().unwrap() as libc::pid_t;
            // SAFETY: asks for a process's group.
            assert_eq!(unsafe { libc::getpgid(pid) }, pid);
            grouped.kill().await.unwrap();

            // SAFETY: the two ask for numbers.
            let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
            let output = sh("id -u; id -g").uid(uid).gid(gid).output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{uid}\n{gid}\n"));
        });
    });
}

#[test]
fn what_cannot_be_started_is_an_error() {
    both(|runtime| {
        runtime.block_on(async {
            let missing = "/no/such/program";
            assert_eq!(Command::new(missing).spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(Command::new(missing).status().await.unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(Command::new(missing).output().await.unwrap_err().kind(), io::ErrorKind::NotFound);
            let mut failing = Command::new("true");
            // SAFETY: makes an error of a number.
            unsafe { failing.pre_exec(|| Err(io::Error::from_raw_os_error(libc::EPERM))) };
            assert_eq!(failing.spawn().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        });
    });
}

#[test]
fn outside_a_runtime_it_says_so() {
    let payload = std::panic::catch_unwind(|| Command::new("true").spawn()).expect_err("there is no runtime");
    let message = payload.downcast_ref::<String>().expect("a text");
    assert!(message.contains("no reactor running"), "{message}");
}

#[test]
fn the_wait_names_the_process() {
    both(|runtime| {
        runtime.block_on(async {
            let task = gumption_core::spawn(async {
                let mut child = cat().spawn().unwrap();
                let stdin = child.stdin.take();
                assert!(waits(&mut child).await);
                let said = with_current(|task| task.wait());
                let pid = child.id().unwrap();
                drop(stdin);
                child.wait().await.unwrap();
                (said, pid)
            });
            let (said, pid) = task.await.unwrap();
            assert_eq!(said, Some((WaitReason::Process, pid.into())));
        });
    });
}
