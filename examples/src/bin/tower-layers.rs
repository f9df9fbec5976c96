//! tower's layers around a service on Gumption, and two of our own where tower's want tokio.
//!
//! A tower *service* is a function from a request to a future of a response, with a question before it: `poll_ready`,
//! "have you room for one more?". A *layer* wraps a service and is one again. What is the same for all services (limits,
//! refusals, rewriting) is a stack of layers, read from top to bottom as a request goes through it:
//!
//! ```text
//!   map_request      text in, trimmed                                 tower
//!   filter           not a number: refused, the rest never sees it    tower
//!   load_shed        no room below: refused at once, nobody queues    tower
//!   Limit            at most so many under way                        ours: tower's holds a tokio semaphore
//!   Timeout          no answer in time: an error, and it is dropped   ours: tower's holds a tokio sleep
//!   Doubling         asks a server over TCP                           on Gumption
//! ```
//!
//! Layers have no runtime of their own. What makes two of tower's need tokio is that they keep a timer or a semaphore of
//! tokio's, and each is some thirty lines with what Gumption has. Three rules make such a layer right:
//!
//! - **Room is taken in `poll_ready`** and belongs to that one clone until its `call`. A clone that is dropped between the
//!   two gives it back.
//! - **Who is told "no room" is woken when there is.** `load_shed` never waits for that; `Limit` must not rely on it. It
//!   also says what it waits for (`wait::blocked_on`), so that a dump shows `semacquire` and not `unknown`.
//! - **A response's future may be dropped at any point**, and everything it holds comes back with it: the room here, and the
//!   connection under it. That is the whole of how a timeout cancels.

use futures_util::future::BoxFuture;
use gumption::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::Runtime;
use gumption::time::{Duration, timeout};
use gumption::wait::{WaitReason, blocked_on};
use gumption_examples::Lesson;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};

/// Asks the server at an address to double a number, over a connection of its own.
#[derive(Clone)]
struct Doubling(SocketAddr);

impl Service<u64> for Doubling {
    type Response = u64;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u64) -> Self::Future {
        let address = self.0;
        Box::pin(async move {
            let mut stream = BufReader::new(TcpStream::connect(address).await?);
            stream.get_mut().write_all(format!("{number}\n").as_bytes()).await?;
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            Ok(line.trim_end().parse()?)
        })
    }
}

/// Answers after so long at most, or not at all.
#[derive(Clone)]
struct Timeout<S> {
    service: S,
    limit: Duration,
}

impl<S, R> Service<R> for Timeout<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let response = timeout(self.limit, self.service.call(request));
        // When the time is over `timeout` returns, and the response's future is dropped with it.
        Box::pin(async move { response.await? })
    }
}

/// The rooms of one [`Limit`] and all its clones.
struct Rooms {
    free: usize,
    /// Who was told that there is none: one waker for each clone, so that asking again adds nothing.
    waiting: BTreeMap<u64, Waker>,
    clones: u64,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Rooms>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A room, until it is dropped.
struct Room(Shared);

impl Drop for Room {
    fn drop(&mut self) {
        let waiting = {
            let mut rooms = self.0.lock();
            rooms.free += 1;
            std::mem::take(&mut rooms.waiting)
        };
        // All of them: the one that we chose might have lost interest. Outside the lock: a waker is foreign code.
        waiting.into_values().for_each(Waker::wake);
    }
}

/// Lets so many requests be under way at once, of all its clones together.
struct Limit<S> {
    service: S,
    rooms: Shared,
    /// Which clone this is.
    number: u64,
    /// Taken by `poll_ready` for the next `call`.
    room: Option<Room>,
}

impl<S> Limit<S> {
    fn new(service: S, most: usize) -> Self {
        let rooms = Shared(Arc::new(Mutex::new(Rooms { free: most, waiting: BTreeMap::new(), clones: 0 })));
        Self { service, rooms, number: 0, room: None }
    }
}

impl<S: Clone> Clone for Limit<S> {
    fn clone(&self) -> Self {
        let number = {
            let mut rooms = self.rooms.lock();
            rooms.clones += 1;
            rooms.clones
        };
        Self { service: self.service.clone(), rooms: self.rooms.clone(), number, room: None }
    }
}

impl<S> Drop for Limit<S> {
    fn drop(&mut self) {
        // Out of the lock before it is dropped: a waker is foreign code.
        let _waker = self.rooms.lock().waiting.remove(&self.number);
    }
}

impl<S, R> Service<R> for Limit<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.room.is_none() {
            let waker = cx.waker().clone();
            let mut rooms = self.rooms.lock();
            if rooms.free == 0 {
                let _former = rooms.waiting.insert(self.number, waker);
                drop(rooms);
                blocked_on(WaitReason::Semaphore, Arc::as_ptr(&self.rooms.0) as u64);
                return Poll::Pending;
            }
            rooms.free -= 1;
            drop(rooms);
            self.room = Some(Room(self.rooms.clone()));
        }
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // Who calls without having asked gets what `Service` promises for that: anything. Here: no limit.
        let room = self.room.take();
        let response = self.service.call(request);
        Box::pin(async move {
            let _room = room;
            response.await
        })
    }
}

/// The whole stack, with so many rooms and so much time.
fn stack(
    address: SocketAddr,
    rooms: usize,
    limit: Duration,
) -> impl Service<String, Response = u64, Error = BoxError, Future: Send> + Clone {
    ServiceBuilder::new()
        .map_request(|text: String| text.trim().to_owned())
        .filter(|text: String| text.parse::<u64>())
        .load_shed()
        .layer(layer(move |service| Limit::new(service, rooms)))
        .layer(layer(move |service| Timeout { service, limit }))
        .service(Doubling(address))
}

/// A layer is no more than a function from a service to a service.
fn layer<S, T>(wrap: impl Fn(S) -> T + Clone) -> impl Layer<S, Service = T> + Clone {
    tower::layer::layer_fn(wrap)
}

/// Doubles one number and hangs up. To a 0 there is no answer: it waits until the client has gone.
async fn double_one(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    match line.trim_end().parse::<u64>().map_err(io::Error::other)? {
        0 => match stream.read_line(&mut line).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Err(ErrorKind::InvalidData.into()),
        },
        number => stream.get_mut().write_all(format!("{}\n", number * 2).as_bytes()).await,
    }
}

/// Serves each client in a task. `unanswered` counts those that went without an answer.
async fn double(listener: TcpListener, unanswered: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let unanswered = unanswered.clone();
        gumption::spawn(async move {
            // Whether it went before it had asked, or after.
            if double_one(stream).await.is_err() {
                unanswered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// What an error is, by the names of those who made it.
fn kind(result: Result<u64, BoxError>) -> Result<u64, &'static str> {
    result.map_err(|error| {
        if error.is::<tower::load_shed::error::Overloaded>() {
            "no room"
        } else if error.is::<gumption::time::error::Elapsed>() {
            "no answer in time"
        } else if error.is::<std::num::ParseIntError>() {
            "not a number"
        } else {
            "something else"
        }
    })
}

async fn ask(
    service: &(impl Service<String, Response = u64, Error = BoxError> + Clone),
    text: &str,
) -> Result<u64, &'static str> {
    kind(service.clone().oneshot(text.to_owned()).await)
}

async fn check() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let mut lesson = Lesson::check_only("tower: layers around a service");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let unanswered = Arc::new(AtomicUsize::new(0));
    let doubling = gumption::spawn(double(listener, unanswered.clone()));
    let hour = Duration::from_secs(3600);

    println!("tower's own layers");
    let service = stack(address, 2, hour);
    lesson.check("map_request, filter, and a server over TCP", ask(&service, " 21\n").await, Ok(42));
    lesson.check("filter refuses", ask(&service, "twenty-one").await, Err("not a number"));

    println!("two rooms");
    // Room is taken and the request made, though nobody has polled these yet.
    let mut first = service.clone();
    let mut second = service.clone();
    let first = first.ready().await?.call("1".to_owned());
    let second = second.ready().await?.call("2".to_owned());
    lesson.check("a third is shed", ask(&service, "3").await, Err("no room"));
    lesson.check("the first is answered", kind(first.await), Ok(2));
    lesson.check("and has left its room", ask(&service, "3").await, Ok(6));
    let mut third = service.clone();
    let third = third.ready().await?.call("3".to_owned());
    lesson.check("a fourth is shed", ask(&service, "4").await, Err("no room"));
    drop(second);
    lesson.check("one that was dropped has left its room, too", ask(&service, "4").await, Ok(8));
    lesson.check("the third is answered", kind(third.await), Ok(6));

    println!("a server that does not answer");
    let impatient = stack(address, 1, Duration::from_millis(20));
    lesson.check("Timeout ends the wait", ask(&impatient, "0").await, Err("no answer in time"));
    lesson.check("and leaves the room", ask(&impatient, "0").await, Err("no answer in time"));
    // `second`, which was dropped before it had begun, has no connection; these two had. The server notices in its own time.
    while unanswered.load(Ordering::Relaxed) < 2 {
        gumption::task::yield_now().await;
    }
    lesson.check("and the connections", unanswered.load(Ordering::Relaxed), 2);

    println!("Limit without load_shed: who finds no room waits, and is woken");
    let mut limited = Limit::new(Doubling(address), 1);
    let mut waiter = limited.clone();
    let under_way = limited.ready().await?.call(5);
    let mut waiting = pin!(async { waiter.ready().await?.call(6).await });
    let early = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
    lesson.check("waits", early, true);
    // In a task of its own, so that it is the room's end and not this task that wakes us.
    let under_way = gumption::spawn(under_way);
    lesson.check("is woken, and answered", kind(waiting.await), Ok(12));
    lesson.check("after the one before it", kind(under_way.await?), Ok(10));
    doubling.abort();
    Ok(lesson.result())
}

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    if let Some(argument) = std::env::args().nth(1) {
        eprintln!("cannot make sense of {argument}; right would be nothing");
        return Ok(ExitCode::from(2));
    }
    Runtime::new()?.block_on(check())
}
