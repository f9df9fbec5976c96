//! What the tests of sockets share: a body is run on each flavour of runtime, and must leave no source behind.
#![allow(dead_code, reason = "every test file uses a part")]

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use gumption_core::runtime::{Builder, Runtime};
use gumption_core::time::timeout;
use gumption_io::Netpoller;
use gumption_io::net::{TcpListener, TcpStream};

/// Longer than any body takes on the slowest machine: a body that hangs fails here and says so.
const HANGS: Duration = Duration::from_secs(120);

pub type Result<T = ()> = io::Result<T>;

fn check(runtime: Runtime<Netpoller>, run: impl FnOnce(&Runtime<Netpoller>)) {
    run(&runtime);
    assert_eq!(runtime.stats().driver.sources, 0, "sources are left");
}

/// Runs `body` on a current-thread runtime, in `block_on` of a multi-thread one, and in a task of that.
#[track_caller]
pub fn on_each<F>(body: fn() -> F)
where
    F: Future<Output = Result> + Send + 'static,
{
    check(Builder::new_current_thread().enable_all().build().expect("a runtime"), |runtime| {
        runtime
            .block_on(async { timeout(HANGS, body()).await })
            .expect("it hangs on one thread")
            .expect("on one thread");
    });
    check(Builder::new_multi_thread().worker_threads(3).enable_all().build().expect("a runtime"), |runtime| {
        runtime.block_on(async { timeout(HANGS, body()).await }).expect("it hangs in block_on").expect("in block_on");
        let task = runtime.spawn(async move { timeout(HANGS, body()).await });
        runtime.block_on(task).expect("it panics").expect("it hangs in a task").expect("in a task");
    });
}

/// A listener on a free port.
pub async fn listener() -> Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").await
}

/// Two ends of one connection. Neither takes itself to be readable, as an accepted stream does until it has tried.
pub async fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = listener().await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    assert_eq!(server.try_read(&mut [0; 1]).expect_err("nothing was sent").kind(), io::ErrorKind::WouldBlock);
    Ok((client, server))
}

/// Polls once, and drops what is pending.
pub async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// `len` bytes that do not repeat soon.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
