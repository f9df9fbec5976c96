//! Rounds of ten thousand connections, used and abused at random; afterwards nothing is left of them.
//!
//! Alone in its process, because it counts all of the process's descriptors and, by an allocator of its own, all of its live
//! memory. The first round warms up what grows once (threads, pages of records, caches), and on a loaded machine a later one may
//! still reach a new height. A leak is what every round leaves behind: nothing is allowed to grow with the number of
//! connections.
//!
//! The script of a connection is decided by its client, from a seed, and told to the server in the first five bytes. At most
//! [`LANES`] connections are open at once.
#![cfg(target_os = "linux")]

use gumption_core::spawn;
use gumption_core::time::{Duration, sleep, timeout};
use gumption_core::yield_now;
use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
use gumption_io::net::{TcpListener, TcpStream};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::time::Instant;

type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
type Builder = gumption_core::runtime::Builder<gumption_io::Netpoller>;

const LANES: u64 = 192;
const CONNECTIONS: u64 = 10_000;
/// At most; two are enough where caches have settled after the first.
const ROUNDS: u64 = 8;

/// The system's allocator, counting.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: the system's, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What a connection does. Its number goes over the wire.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Script {
    /// The client sends, half-closes, and reads its bytes back.
    Echo,
    /// The same with both directions at once, from two tasks.
    EchoSplit,
    /// The server sends, the client reads in small bites and lets others run in between.
    SlowReader,
    /// The client resets after it has sent something.
    ClientResets,
    /// The server resets when it has read what to do.
    ServerResets,
    /// The client goes without a word.
    Silent,
    /// The client ends its direction without a word and waits for the server's end.
    HalfClosed,
    /// The client's reader is aborted while it waits.
    Aborted,
    /// The client stops reading in the middle of what the server sends.
    GoesAway,
}

const SCRIPTS: [Script; 9] = [
    Script::Echo,
    Script::EchoSplit,
    Script::SlowReader,
    Script::ClientResets,
    Script::ServerResets,
    Script::Silent,
    Script::HalfClosed,
    Script::Aborted,
    Script::GoesAway,
];

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// The server's side. Errors are those of a peer that goes away as its script says.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let len = u32::from_le_bytes([header[1], header[2], header[3], header[4]]) as usize;
    match SCRIPTS[usize::from(header[0])] {
        Script::Echo | Script::EchoSplit => {
            let mut buf = [0; 4096];
            loop {
                let read = stream.read(&mut buf).await?;
                if read == 0 {
                    return stream.shutdown().await;
                }
                stream.write_all(&buf[..read]).await?;
            }
        }
        Script::SlowReader | Script::GoesAway => {
            stream.write_all(&pattern(len)).await?;
            stream.shutdown().await
        }
        Script::ServerResets => stream.set_zero_linger(),
        Script::ClientResets | Script::Aborted | Script::Silent | Script::HalfClosed => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.map(|_| ())
        }
    }
}

/// The client's side; it panics if what the server promised does not come.
async fn connection(to: SocketAddr, mut random: Random) {
    let script = SCRIPTS[random.below(SCRIPTS.len() as u64) as usize];
    let len = match random.below(4) {
        0 => random.below(16),
        1 | 2 => random.below(4 << 10),
        _ => random.below(64 << 10),
    } as usize;
    let mut stream = TcpStream::connect(to).await.expect("the listener accepts everything");
    let mut header = vec![script as u8];
    header.extend((len as u32).to_le_bytes());
    if !matches!(script, Script::Silent | Script::HalfClosed) {
        stream.write_all(&header).await.unwrap();
    }
    match script {
        Script::Echo => {
            // Less than what the socket's buffers hold, for nobody reads meanwhile.
            let data = pattern(len.min(16 << 10));
            stream.write_all(&data).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            assert!(got == data, "an echo of {} bytes came back as {}", data.len(), got.len());
        }
        Script::EchoSplit => {
            let (mut reader, mut writer) = stream.into_split();
            let data = pattern(len * 2);
            let sent = data.clone();
            let sending = spawn(async move {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let mut got = Vec::new();
            reader.read_to_end(&mut got).await.unwrap();
            sending.await.unwrap();
            assert!(got == data, "an echo of {} bytes came back as {}", data.len(), got.len());
        }
        Script::SlowReader => {
            let mut got = Vec::new();
            let mut bite = vec![0; 1 + random.below(2 << 10) as usize];
            loop {
                let read = stream.read(&mut bite).await.unwrap();
                if read == 0 {
                    break;
                }
                got.extend_from_slice(&bite[..read]);
                yield_now().await;
            }
            assert!(got == pattern(len), "of {len} bytes a slow reader got {}", got.len());
        }
        Script::ClientResets => {
            stream.write_all(&pattern(len.min(16 << 10))).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
        Script::ServerResets => {
            let mut byte = [0];
            // A reset, or, if nothing was unread, an end.
            match stream.read(&mut byte).await {
                Ok(read) => assert_eq!(read, 0),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            }
        }
        Script::Silent => {}
        Script::HalfClosed => {
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        }
        Script::Aborted => {
            let reading = spawn(async move { stream.read(&mut [0]).await.map(|_| ()) });
            if random.below(2) == 0 {
                yield_now().await;
            }
            reading.abort();
            let _ended_or_aborted = reading.await;
        }
        Script::GoesAway => {
            let mut some = vec![0; len / 2];
            stream.read_exact(&mut some).await.unwrap();
            assert!(some == pattern(len / 2));
        }
    }
}

/// Opens and closes `connections` of them; returns when every client is done and nobody accepts any more.
async fn round(seed: u64, connections: u64) {
    static SERVED: AtomicU64 = AtomicU64::new(0);
    SERVED.store(0, Ordering::SeqCst);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let accepting = spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn(async move {
                let _gone_as_its_script_says = serve(stream).await;
                SERVED.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            spawn(async move {
                for number in (lane..connections).step_by(LANES as usize) {
                    connection(to, Random(seed ^ number << 20)).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    // The last are still in the backlog, and each is somebody's.
    while SERVED.load(Ordering::SeqCst) < connections {
        sleep(Duration::from_millis(1)).await;
    }
    accepting.abort();
    assert!(accepting.await.unwrap_err().is_cancelled());
}

/// Nothing is left: no task, no source, no descriptor beyond `descriptors`. Then the live memory.
fn at_rest(runtime: &Runtime, sources: u64, open: usize) -> isize {
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        let stats = runtime.stats();
        let seen = (stats.totals.tasks_live, stats.driver.sources, descriptors());
        if seen == (0, sources, open) {
            return LIVE.load(Ordering::SeqCst);
        }
        assert!(
            Instant::now() < patience,
            "left behind: {} tasks, {} sources of {sources}, {} descriptors of {open}",
            seen.0,
            seen.1,
            seen.2
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    let before = descriptors();
    let runtime = Builder::new_multi_thread().processors(4).enable_all().build().unwrap();
    let base = (runtime.stats().driver.sources, descriptors());
    let mut live = Vec::new();
    let mut settled = false;
    for seed in 1..=ROUNDS {
        let ended = runtime.block_on(async { timeout(Duration::from_secs(300), round(seed, CONNECTIONS)).await });
        assert!(ended.is_ok(), "a connection hangs:\n{}", runtime.stats());
        live.push(at_rest(&runtime, base.0, base.1));
        let registered = runtime.stats().driver.registered;
        assert!(registered >= seed * 2 * CONNECTIONS, "{registered} sources cannot have been all");
        // Less than five bytes per connection: the smallest thing that one of them could leave behind is larger.
        settled = live.windows(2).any(|two| two[1] - two[0] < 48 << 10);
        if settled {
            break;
        }
    }
    assert!(settled, "every round leaves something behind; live bytes after each: {live:?}");
    drop(runtime);
    assert_eq!(descriptors(), before);
}
