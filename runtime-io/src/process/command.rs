//! [`Command`]: what to start, and how.
//!
//! The standard library's builder, of which this one holds one and to which it passes everything on, with one thing of its own:
//! whether the process is to die with its handle. The program is searched for, and its arguments and environment are passed,
//! as [`std::process::Command`] says; what differs is that the stdio of the started [`Child`] is asynchronous, and so is
//! waiting for it.
//!
//! Starting is not asynchronous: it takes the time of a fork and an exec on this thread. A spawn that fails leaves no process
//! behind, also if it fails after the process was started, because no descriptor was left to watch it by: it is killed.

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as StdCommand, ExitStatus, Output, Stdio};

use super::child::Child;
use super::reaper;
use crate::sources::Sources;

/// A builder of processes.
///
/// # Examples
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// use gumption_io::process::Command;
///
/// # let runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let output = Command::new("echo").arg("hello").arg("world").output().await?;
/// assert!(output.status.success());
/// assert_eq!(output.stdout, b"hello world\n");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// A command for `program`: no arguments, this process's environment, directory and stdio.
    ///
    /// A `program` without a slash is searched for in `PATH`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Self {
        Self::from(StdCommand::new(program))
    }

    /// The standard library's builder inside.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// The standard library's builder inside, to be changed.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// The standard library's builder. What was said by [`kill_on_drop`](Self::kill_on_drop) is lost.
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// Adds an argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Adds several arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets several environment variables.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes an environment variable away.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Takes all environment variables away.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Sets the directory that the process starts in.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Self {
        self.std.current_dir(dir);
        self
    }

    /// What the process's standard input is: by default this process's, and for [`output`](Self::output) too.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdin(cfg);
        self
    }

    /// What the process's standard output is: by default this process's, for [`output`](Self::output) a pipe.
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdout(cfg);
        self
    }

    /// What the process's standard error is: by default this process's, for [`output`](Self::output) a pipe.
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stderr(cfg);
        self
    }

    /// Whether dropping the [`Child`] kills the process. By default it lives on.
    ///
    /// In either case it leaves no zombie. It is a last resort, for a handle that is dropped by a cancelled task: a program
    /// that is killed so cannot clean up. With [`output`](Self::output) and [`status`](Self::status) the future holds the
    /// handle.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Self {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Whether dropping the [`Child`] kills the process.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the user that the process runs as, by `setuid`. The groups go if this process may change them.
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// Sets the group that the process runs as, by `setgid`.
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// Sets what the program is told that it is called, its argument 0: by default `program`.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg0(arg);
        self
    }

    /// Sets the process's group. 0 is a new one whose number is the process's own, so that a signal for the terminal's
    /// foreground group does not reach it.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Self {
        self.std.process_group(pgroup);
        self
    }

    /// Has `f` called in the new process, after the fork and before the program is executed. Several are called in the order
    /// they were added; an error ends the spawn.
    ///
    /// # Safety
    ///
    /// Between fork and exec of a process with threads only async-signal-safe things may be done: no allocation, no lock, no
    /// environment. See [`CommandExt::pre_exec`].
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Self
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller's promise.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts the process.
    ///
    /// Its stdio is this process's where nothing else was said.
    ///
    /// # Errors
    ///
    /// If the program is not found or not allowed, or the system is short of processes, memory or descriptors. No process
    /// is left behind.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        // Asked before anything is started. The child's registrations ask again, each for itself.
        if let Err(error) = gumption_core::runtime::reactor::<Sources>() {
            panic!("{error}");
        }
        reaper::tend();
        Child::adopt(self.std.spawn()?, self.kill_on_drop)
    }

    /// Starts the process, at once, and waits for its end.
    ///
    /// Pipes that were asked for are closed first: nobody could use them.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// use gumption_io::process::Command;
    ///
    /// # let runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let status = Command::new("true").status().await?;
    /// assert!(status.success());
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the process, at once, and collects everything that it writes until its end.
    ///
    /// Stdout and stderr are pipes, whatever was said before; stdin is as it was set.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Self {
        Self { std, kill_on_drop: false }
    }
}
