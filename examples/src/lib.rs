//! The course: numbered programs, each a lesson about one part of the scheduler.
//!
//! ```text
//! cargo run -p gumption-examples --bin 01-one-p-one-m
//! cargo run -p gumption-examples --bin 01-one-p-one-m -- --break
//! ```
//!
//! | lesson | shows |
//! | --- | --- |
//! | `01-one-p-one-m` | a run queue, one dispatch at a time: concurrency without parallelism |
//! | `02-poll-and-wake` | what a future, a waker and a task's state have to do with each other |
//! | `03-next-slot` | two tasks that talk, ahead of the queue; and why that needs a cap |
//!
//! The programs without numbers show how Gumption works with what people use:
//!
//! | program | shows |
//! | --- | --- |
//! | `http-hyper` | HTTP/1 and HTTP/2 on one port, server and client, by hyper 1.x |
//! | `http-axum` | an axum router, without axum's tokio |
//! | `tls-echo` | rustls, on both ends of a socket |
//! | `framed-lines` | from a stream of bytes to messages: a codec, and its limit |
//! | `tower-layers` | tower's layers, and two of our own where tower's want tokio |
//! | `service` | a small HTTP service that stops without dropping a request |
//!
//! Without arguments they check themselves; with `--listen 127.0.0.1:8080` they serve until ctrl-c, for curl and the like.
//! (`tower-layers` only checks itself, and `service`, being the real thing, only serves.)
//!
//! A lesson runs the real runtime with a knob or two turned, draws what happens, and ends by comparing the runtime's own
//! numbers with what it has taught: a *self-check*, exit code 0 if all hold and 1 if not. With `--break` the same lesson
//! runs with its one load-bearing part taken out, and the self-check shows which numbers notice.
//!
//! What lives here is only what the lessons share: the frame around them. It knows nothing of scheduling. The invariant: a
//! lesson whose self-check failed never ends with exit code 0.

pub mod program;

use std::fmt::{Debug, Display};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// A lesson in progress.
#[derive(Debug)]
pub struct Lesson {
    broken: bool,
    stepping: bool,
    checked: usize,
    failed: usize,
}

impl Lesson {
    /// Prints the title. With `by_hand` it is stepped by Enter if stdin is a terminal. Arguments that make no sense end the
    /// process with exit code 2.
    pub fn begin(title: &str, by_hand: bool) -> Self {
        let mut broken = false;
        for argument in std::env::args().skip(1) {
            if argument != "--break" {
                eprintln!("unknown argument {argument:?}; right would be --break, or nothing");
                std::process::exit(2);
            }
            broken = true;
        }
        println!("{title}{}\n", if broken { " (broken)" } else { "" });
        let stepping = by_hand && std::io::stdin().is_terminal();
        if stepping {
            println!("press Enter for each step\n");
        }
        Self { broken, stepping, checked: 0, failed: 0 }
    }

    /// A self-check outside the course: nothing is stepped, and nothing taken out.
    pub fn check_only(title: &str) -> Self {
        println!("{title}\n");
        Self { broken: false, stepping: false, checked: 0, failed: 0 }
    }

    /// Whether the lesson is to be run with its load-bearing part taken out.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether [`step`] should wait.
    pub fn is_stepping(&self) -> bool {
        self.stepping
    }

    /// One line of the self-check: what was measured against what the lesson says.
    pub fn check<T: PartialEq + Debug>(&mut self, what: impl Display, measured: T, taught: T) {
        self.checked += 1;
        if measured == taught {
            println!("  ok      {what}: {measured:?}");
        } else {
            self.failed += 1;
            println!("  FAILED  {what}: {measured:?}, and the lesson says {taught:?}");
        }
    }

    /// Prints the exercise and the self-check's result.
    pub fn end(self, break_it: &str, explain_it: &str, fix_it: &str) -> ExitCode {
        println!("\nbreak it    {break_it}\nexplain it  {explain_it}\nfix it      {fix_it}\n");
        self.result()
    }

    /// Prints the self-check's result.
    pub fn result(self) -> ExitCode {
        println!("self-check: {} of {} hold", self.checked - self.failed, self.checked);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Waits for Enter, if `waiting`.
pub fn step(waiting: bool) {
    if waiting {
        // A prompt that cannot be written, or an input that has ended, must not end the lesson.
        let _ = std::io::stdout().flush();
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}
