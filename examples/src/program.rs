//! What the programs with sockets share: their arguments, and a server that runs until ctrl-c.
//!
//! A program is asked for one of two things. Without arguments it checks itself: server and client in one process, on a
//! port that the system chooses. With `--listen ADDRESS` it serves real clients there and says, in its first line of
//! output, which address it got: a test that asks for port 0 reads it from there.
//!
//! This file is called by the programs alone. It refuses to know a protocol. The invariant: an argument that makes
//! no sense ends the process with exit code 2 and one line that says what would be right, before anything has begun.

use gumption::net::TcpListener;
use gumption::runtime::Runtime;
use gumption::signal::unix::{SignalKind, signal};
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

/// What a program is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Check yourself.
    Check,
    /// Serve there.
    Listen(SocketAddr),
}

impl Mode {
    /// Reads the process's arguments. What makes no sense ends the process with exit code 2.
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments[..] {
            [] => Self::Check,
            ["--listen", address] => match address.parse() {
                Ok(address) => Self::Listen(address),
                Err(error) => wrong(&format!("{address:?} is no address to listen on ({error})")),
            },
            _ => wrong(&format!("cannot make sense of {}", arguments.join(" "))),
        }
    }
}

fn wrong(what: &str) -> ! {
    eprintln!("{what}; right would be --listen 127.0.0.1:8080, or nothing");
    std::process::exit(2);
}

/// Listens on `address`, says so, and serves until ctrl-c.
///
/// # Errors
///
/// If there can be no runtime or no listener on that address, or standard output is closed.
pub fn serve_until_interrupted<S>(address: SocketAddr, serve: impl FnOnce(TcpListener) -> S) -> io::Result<ExitCode>
where
    S: Future<Output = ()> + Send + 'static,
{
    Runtime::new()?.block_on(async {
        // Before it says that it listens: who reads that may interrupt it at once.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(address).await?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let serving = gumption::spawn(serve(listener));
        interrupt.recv().await;
        serving.abort();
        Ok(ExitCode::SUCCESS)
    })
}

/// Whether `error` says no more than that the other side has gone without a goodbye: how many a connection ends.
pub fn peer_has_gone(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // The last is what shutdown(2) says after a reset.
            let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::NotConnected];
            return gone.contains(&error.kind());
        }
        cause = error.source();
    }
    false
}
