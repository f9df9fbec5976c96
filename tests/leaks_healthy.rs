//! `leaks()` beside programs that have none, for as long as they run: every word that it could misread is written all the time.
//!
//! Locks and permits, contended and handed over, given up and sent away; joins; channels; timers; sockets.

use gumption::introspect::leaks::{Watcher, leaks};
use gumption::io::{AsyncReadExt, AsyncWriteExt};
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::{Builder, Runtime};
use gumption::sync::{Mutex, Notify, RwLock, Semaphore, mpsc, oneshot};
use gumption::task::yield_now;
use gumption::time::{sleep, timeout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(3).enable_all().build().expect("a runtime")
}

/// What the tasks of a program share.
struct Shared {
    stop: AtomicBool,
    /// Locked in the order of their places, so that there is no circle.
    mutexes: Vec<Mutex<u64>>,
    lock: RwLock<u64>,
    permits: Arc<Semaphore>,
    notify: Notify,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            stop: AtomicBool::new(false),
            mutexes: (0..4).map(|_| Mutex::new(0)).collect(),
            lock: RwLock::new(0),
            permits: Arc::new(Semaphore::new(3)),
            notify: Notify::new(),
        })
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Looks as often as it can for so long, and more than ten times.
fn look_on(runtime: &Runtime, span: Duration) {
    let until = Instant::now() + span;
    let mut looks = 0;
    while Instant::now() < until || looks <= 10 {
        let found = leaks(runtime.handle());
        assert!(found.proven.is_empty() && found.deadlocks.is_empty(), "{found}");
        looks += 1;
    }
}

async fn locks(shared: Arc<Shared>, number: usize) {
    let mut round = number;
    while shared.goes_on() {
        round = round.wrapping_mul(31).wrapping_add(7);
        let mut low = shared.mutexes[round % 3].lock().await;
        yield_now().await;
        let mut high = shared.mutexes[1 + round % 3].lock().await;
        *low += 1;
        *high += 1;
        let child = gumption::spawn({
            let shared = shared.clone();
            async move {
                if round.is_multiple_of(4) {
                    *shared.lock.write().await += 1;
                } else {
                    let reads = shared.lock.read().await;
                    yield_now().await;
                    drop(reads);
                }
            }
        });
        child.await.expect("no panic");
        drop((low, high));
        // Asks, and mostly gives up.
        let _ = timeout(Duration::from_micros(50), shared.mutexes[3].lock()).await;
    }
}

async fn permits(shared: Arc<Shared>, number: usize) {
    while shared.goes_on() {
        if number.is_multiple_of(2) {
            // The permit goes along.
            let permit = shared.permits.clone().acquire_owned().await.expect("it is not closed");
            let task = gumption::spawn(async move {
                yield_now().await;
                drop(permit);
            });
            yield_now().await;
            task.await.expect("no panic");
        } else {
            let many = shared.permits.acquire_many(2).await.expect("it is not closed");
            let _reads = shared.lock.read().await;
            yield_now().await;
            drop(many);
        }
    }
}

async fn channels(shared: Arc<Shared>) {
    let (send, mut receive) = mpsc::channel::<oneshot::Sender<u64>>(2);
    let server = gumption::spawn(async move {
        while let Some(answer) = receive.recv().await {
            let _ = answer.send(1);
        }
    });
    while shared.goes_on() {
        let (answer, answered) = oneshot::channel();
        send.send(answer).await.expect("the server is there");
        answered.await.expect("it answers");
        shared.notify.notify_one();
        gumption::select! {
            () = shared.notify.notified() => {}
            () = sleep(Duration::from_micros(200)) => {}
        }
    }
    drop(send);
    server.await.expect("no panic");
}

async fn sockets(shared: Arc<Shared>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    let server = gumption::spawn(async move {
        let (mut peer, _) = listener.accept().await.expect("one comes");
        let mut byte = [0];
        while peer.read_exact(&mut byte).await.is_ok() {
            peer.write_all(&byte).await.expect("it listens");
        }
    });
    let mut peer = TcpStream::connect(address).await.expect("it listens");
    while shared.goes_on() {
        peer.write_all(&[7]).await.expect("it listens");
        peer.read_exact(&mut [0]).await.expect("it answers");
    }
    drop(peer);
    server.await.expect("no panic");
}

#[test]
fn a_program_without_leaks_has_none_at_any_time() {
    let (runtime, shared) = (runtime(), Shared::new());
    let mut tasks = Vec::new();
    for number in 0..32 {
        tasks.push(runtime.spawn(locks(shared.clone(), number)));
        tasks.push(runtime.spawn(permits(shared.clone(), number)));
        tasks.push(runtime.spawn(channels(shared.clone())));
    }
    tasks.extend((0..4).map(|_| runtime.spawn(sockets(shared.clone()))));
    look_on(&runtime, Duration::from_secs(3));
    shared.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task).expect("no panic");
    }
}

/// Ten thousand who wait for a request that does not come, and a few that are busy.
#[test]
fn parked_connections_are_neither_proven_nor_suspected() {
    let (runtime, shared) = (runtime(), Shared::new());
    let mut clients = Vec::new();
    for _ in 0..10_000 {
        let (client, mut requests) = mpsc::channel::<u64>(1);
        clients.push(client);
        runtime.spawn(async move {
            let mut sum = 0;
            while let Some(request) = requests.recv().await {
                sum += request;
            }
            sum
        });
    }
    let busy: Vec<_> = (0..8).map(|number| runtime.spawn(locks(shared.clone(), number))).collect();
    let mut watcher = Watcher::new();
    for look in 0..8 {
        for client in clients.iter().skip(look * 100).take(100 * look) {
            let _ = client.try_send(1);
        }
        sleep_for_real();
        let found = watcher.look(runtime.handle());
        let of_clients = found.suspects.iter().filter(|suspect| suspect.count > 100).count();
        assert!(found.proven.is_empty() && found.deadlocks.is_empty() && of_clients == 0, "{found}");
    }
    shared.stop.store(true, Ordering::Relaxed);
    for task in busy {
        runtime.block_on(task).expect("no panic");
    }
}

/// Lets others run for a moment.
fn sleep_for_real() {
    std::thread::sleep(Duration::from_millis(20));
}
