//! [`Child`]: the handle to a process that a [`Command`](super::Command) has started.
//!
//! Either [`Running`], that is, not waited for yet, or done, with the status that every later question is answered with: a pid
//! whose process has been waited for may belong to somebody else, so it is neither killed nor told to anybody any more.
//!
//! ```text
//! Running --wait, try_wait--> Done(status)       dropped while Running: see `running.rs` and the reaper
//! ```
//!
//! The three pipes are the user's to take. Those that are left in their places are closed by what would hang otherwise:
//! [`Child::wait`] closes stdin, since a child that reads to the end of its input would wait for us while we wait for it, and
//! [`Child::wait_with_output`] reads stdout and stderr *while* it waits.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll, ready};

use super::running::{Leash, Running};
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{AsyncRead, ReadBuf};

/// A started process.
///
/// Dropping it neither ends the process (unless [`Command::kill_on_drop`](super::Command::kill_on_drop) was set) nor
/// leaves a zombie: see the [module](super).
///
/// # Examples
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// use gumption_io::process::Command;
///
/// # let runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
/// let status = child.wait().await?;
/// assert_eq!(status.code(), Some(3));
/// assert_eq!(child.id(), None, "it has been waited for, so the number may be another's");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Child {
    state: State,
    /// The child's standard input, if it was [piped](std::process::Stdio::piped).
    pub stdin: Option<ChildStdin>,
    /// The child's standard output, if it was [piped](std::process::Stdio::piped).
    pub stdout: Option<ChildStdout>,
    /// The child's standard error, if it was [piped](std::process::Stdio::piped).
    pub stderr: Option<ChildStderr>,
}

#[derive(Debug)]
enum State {
    Running(Running),
    Done(ExitStatus),
}

impl Child {
    /// Takes a child of the standard library's over. If it cannot be watched, it is killed.
    #[track_caller]
    pub(super) fn adopt(child: std::process::Child, kill_on_drop: bool) -> io::Result<Self> {
        let mut leash = Leash::new(child);
        let pipes = leash.child_mut();
        let stdin = pipes.stdin.take().map(ChildStdin::from_std).transpose()?;
        let stdout = pipes.stdout.take().map(ChildStdout::from_std).transpose()?;
        let stderr = pipes.stderr.take().map(ChildStderr::from_std).transpose()?;
        let running = leash.watch(kill_on_drop)?;
        Ok(Self { state: State::Running(running), stdin, stdout, stderr })
    }

    /// The process's number, until it has been waited for.
    pub fn id(&self) -> Option<u32> {
        match &self.state {
            State::Running(running) => Some(running.id()),
            State::Done(_) => None,
        }
    }

    /// Has the process killed, without waiting for its end: `SIGKILL` on Unix.
    ///
    /// It still has to be waited for to be gone. A process that has been is left alone.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Running(running) => running.kill(),
            State::Done(_) => Ok(()),
        }
    }

    /// [Kills](Self::start_kill) the process and waits for its end.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Examples
    ///
    /// ```
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// use gumption_io::process::Command;
    ///
    /// # let runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// child.kill().await?;
    /// assert!(!child.wait().await?.success());
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await?;
        Ok(())
    }

    /// Waits for the process's end, having closed its stdin if that is still in its place.
    ///
    /// A child that fills a pipe which nobody reads never ends: take stdout and stderr out and read them, or use
    /// [`wait_with_output`](Self::wait_with_output).
    ///
    /// # Cancel safety
    ///
    /// A wait that was dropped can be started again, and says the same. Stdin is closed all the same.
    ///
    /// # Errors
    ///
    /// If somebody else has waited for the process, and if the runtime that it was started in has ended and the wait is in
    /// none; [`try_wait`](Self::try_wait) works even then.
    ///
    /// # Examples
    ///
    /// ```
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// use gumption_io::process::Command;
    /// use std::process::Stdio;
    ///
    /// # let runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// // `cat` ends at the end of its input, which `wait` brings about.
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// assert!(child.wait().await?.success());
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let status = match &mut self.state {
            State::Running(running) => ready!(running.poll_wait(cx))?,
            State::Done(status) => *status,
        };
        self.state = State::Done(status);
        Poll::Ready(Ok(status))
    }

    /// How the process has ended, if it has. Unlike [`wait`](Self::wait) this leaves stdin open, and needs no runtime.
    ///
    /// # Errors
    ///
    /// If somebody else has waited for the process.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.state {
            State::Running(running) => {
                let status = running.try_wait()?;
                if let Some(status) = status {
                    self.state = State::Done(status);
                }
                Ok(status)
            }
            State::Done(status) => Ok(Some(*status)),
        }
    }

    /// Waits for the process's end and reads everything that it writes meanwhile to those of stdout and stderr that are
    /// piped and still in their places.
    ///
    /// # Errors
    ///
    /// What the wait or a read says, whichever is first.
    ///
    /// # Examples
    ///
    /// ```
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// use gumption_io::process::Command;
    /// use std::process::Stdio;
    ///
    /// # let runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let output = child.wait_with_output().await?;
    /// assert_eq!(output.stdout, b"hello\n");
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let mut stdout = Collected::new(self.stdout.take());
        let mut stderr = Collected::new(self.stderr.take());
        let status = poll_fn(|cx| {
            // All three each time, because each keeps its own waker.
            let (end, out, err) = (self.poll_wait(cx), stdout.poll_fill(cx), stderr.poll_fill(cx));
            match (end, out, err) {
                (Poll::Ready(Err(error)), _, _) | (_, Poll::Ready(Err(error)), _) | (_, _, Poll::Ready(Err(error))) => {
                    Poll::Ready(Err(error))
                }
                (Poll::Ready(Ok(status)), Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(status)),
                _ => Poll::Pending,
            }
        })
        .await?;
        Ok(Output { status, stdout: stdout.bytes, stderr: stderr.bytes })
    }
}

/// Everything that a pipe brings.
struct Collected<R> {
    /// Kept to the end of the wait: a child that opens its stdout anew must not find it broken.
    pipe: Option<R>,
    ended: bool,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Collected<R> {
    fn new(pipe: Option<R>) -> Self {
        Self { ended: pipe.is_none(), pipe, bytes: Vec::new() }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let (Some(pipe), false) = (&mut self.pipe, self.ended) {
            self.bytes.reserve(4096);
            let mut room = ReadBuf::uninit(self.bytes.spare_capacity_mut());
            ready!(Pin::new(pipe).poll_read(cx, &mut room))?;
            let read = room.filled().len();
            self.ended = read == 0;
            // SAFETY: our own pipes fill the buffer that they are given, here with that many of the spare bytes.
            unsafe { self.bytes.set_len(self.bytes.len() + read) };
        }
        Poll::Ready(Ok(()))
    }
}
