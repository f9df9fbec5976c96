//! A small HTTP service that stops without dropping a request: the kind that one would embed Gumption in.
//!
//! ```text
//! cargo run -p gumption-examples --bin service -- --listen 127.0.0.1:8080 --drain 10s
//! curl http://127.0.0.1:8080/work?ms=2000 &
//! kill -TERM ...           # curl gets its answer, nobody else gets in, and the service ends with exit code 0
//! ```
//!
//! # How it stops
//!
//! To stop a server is to answer what was asked and to leave nobody hanging, in bounded time. On SIGTERM or ctrl-c:
//!
//! ```text
//!   1. accept what the kernel has accepted already; close the listener       who comes now is refused at once
//!   2. tell each connection to come to its end (hyper's graceful_shutdown)   idle: closed; busy: answers, then closes
//!   3. wait until all have ended                                             exit code 0
//!      ... or until the deadline, or a second signal                         the rest is cut, exit code 1
//! ```
//!
//! The signal is listened for before the listener exists: there is no moment in which it would kill a server that has said
//! that it listens. And it is asked before the listener in each turn of the loop, because a listener under load is always
//! ready. The deadline begins with the signal. An answer that is sent during the drain says `connection: close`, so
//! that a client with a pool of connections goes elsewhere.
//!
//! What is left to the outside: a client that sends its next request just as an idle connection is closed sees a reset.
//! HTTP/1 has no word for "do not send"; clients repeat such a request by themselves, if it is idempotent.
//!
//! # What else a server needs
//!
//! - **A task for each connection.** A panic in a handler ends its connection and nothing else.
//! - **An accept that fails.** Without descriptors `accept` fails at once, for ever: a loop that tries again takes a whole
//!   processor just when everybody else needs it to finish. Gumption's listener rests by itself, longer each time.
//! - **Limits.** Who sends no head in `--head` is closed, also before the first one and between two. That is why it
//!   serves HTTP/1: `http-hyper` shows both versions on a port, but to tell them apart it waits for a first byte without
//!   a limit.
//! - **A way to see it.** `/stats` is what the runtime counts anyway: queues, polls, delays, a row for each P and M.
//!
//! Exit codes: 0 drained, 1 cut, 2 not even started, and then one line that says why. `options.rs` has the flags,
//! `routes.rs` the answers. The invariant: **a request whose head was read is answered, or counted as cut.**

mod options;
mod routes;

use clap::Parser;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use gumption::hyper::Timer;
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::Builder;
use gumption::signal::unix::{Signal, SignalKind, signal};
use gumption::time::{Duration, Instant, timeout_at};
use gumption_examples::program::peer_has_gone;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::server::graceful::GracefulShutdown;
use options::Options;
use routes::Service;
use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;

/// How it ended.
enum End {
    Drained,
    /// With so many requests unanswered, and so many connections open.
    Cut {
        why: &'static str,
        requests: usize,
        connections: usize,
    },
}

/// What asks a service to stop: SIGTERM from whoever started it, SIGINT (ctrl-c) from a terminal.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn recv(&mut self) -> &'static str {
        poll_fn(|cx| {
            if self.terminate.poll_recv(cx).is_ready() {
                return Poll::Ready("SIGTERM");
            }
            self.interrupt.poll_recv(cx).map(|_| "ctrl-c")
        })
        .await
    }
}

/// Serves one connection in a task of its own.
fn start(stream: TcpStream, service: &Arc<Service>, connections: &GracefulShutdown, head: Duration) {
    if let Err(error) = stream.set_nodelay(true) {
        eprintln!("nodelay: {error}");
    }
    let open = service.open.enter();
    let service = service.clone();
    let http = http1::Builder::new()
        .timer(Timer::new())
        .header_read_timeout(head)
        .serve_connection(stream, service_fn(move |request| routes::answer(service.clone(), request)));
    // hyper's connection, which is told when to come to its end, and which `GracefulShutdown::shutdown` waits for.
    let http = connections.watch(http);
    gumption::spawn(async move {
        let _open = open;
        match http.await {
            Ok(()) => {}
            // A client that sent no request in time, or went in the middle of one: its own business.
            Err(error) if error.is_timeout() || error.is_incomplete_message() || peer_has_gone(&error) => {}
            Err(error) => eprintln!("a connection ended badly: {error}"),
        }
    });
}

async fn serve(options: &Options) -> io::Result<End> {
    let mut stop = Stop::listen()?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", options.listen)))?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let service = Arc::new(Service::default());
    let connections = GracefulShutdown::new();

    let signal = loop {
        match select(pin!(stop.recv()), pin!(listener.accept())).await {
            Either::Left((signal, _)) => break signal,
            Either::Right((Ok((stream, _)), _)) => start(stream, &service, &connections, options.head),
            // One client's trouble, or no descriptor left: then the next accept waits a while before it asks.
            Either::Right((Err(error), _)) => eprintln!("accept: {error}"),
        }
    };
    let deadline = Instant::now() + options.drain;

    while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
        start(stream, &service, &connections, options.head);
    }
    drop(listener);
    eprintln!(
        "{signal}: {} connections, {} requests under way; waiting for at most {:?}",
        service.open.count(),
        service.under_way.count(),
        options.drain
    );
    let drained = pin!(timeout_at(deadline, connections.shutdown()));
    let why = match select(drained, pin!(stop.recv())).await {
        Either::Left((Ok(()), _)) => return Ok(End::Drained),
        Either::Left((Err(_), _)) => "the deadline has come",
        Either::Right((again, _)) => again,
    };
    Ok(End::Cut { why, requests: service.under_way.count(), connections: service.open.count() })
}

fn run(options: &Options) -> io::Result<End> {
    let mut builder = Builder::new_multi_thread();
    if let Some(processors) = options.processors {
        builder.processors(processors.into());
    }
    let runtime = builder.enable_all().build()?;
    let end = runtime.block_on(serve(options))?;
    // Drops what is left. Should a handler be in a blocking section that does not end, we do.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(end)
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(End::Drained) => {
            eprintln!("drained");
            ExitCode::SUCCESS
        }
        Ok(End::Cut { why, requests, connections }) => {
            eprintln!("{why}: cut {connections} connections, {requests} requests unanswered");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("service: {error}");
            ExitCode::from(2)
        }
    }
}
