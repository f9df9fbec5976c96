//! A file does what std's does, whatever is dropped in between, and says late what went wrong early.
//!
//! The reference is `std::fs::File` on a second file of the same contents: a program of reads, writes, seeks and lengths is run
//! on both, and every answer and the contents in the end are compared. Programs also drop futures after their first
//! poll: then the reference decides by what the file says it took.

use gumption_core::task::with_current;
use gumption_core::wait::WaitReason;
use gumption_io::fs::{self, File, OpenOptions};
use gumption_io::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, ReadBuf, SeekFrom};
use proptest::prelude::*;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
type Builder = gumption_core::runtime::Builder<gumption_io::Netpoller>;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime whose pool has one thread, which is busy until the sender is dropped.
fn stuck_pool() -> (Runtime, mpsc::Sender<()>) {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    let (began, begun) = mpsc::channel();
    let (release, wait) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        let _released = wait.recv();
    });
    begun.recv().unwrap();
    (runtime, release)
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    /// Polls a read once and drops it.
    GiveUpRead(usize),
    Write(usize, u8),
    WriteVectored(usize, usize, u8),
    /// Writes, and does not wait for it in any way.
    WriteOnce(usize, u8),
    Flush,
    Seek(SeekFrom),
    SetLen(u64),
    /// Polls a `set_len` once and drops it: it happens.
    GiveUpSetLen(u64),
    Sync,
    Buffer(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..600usize).prop_map(Step::Read),
        2 => (1..600usize).prop_map(Step::GiveUpRead),
        3 => (0..600usize, any::<u8>()).prop_map(|(len, seed)| Step::Write(len, seed)),
        1 => (0..300usize, 0..300usize, any::<u8>()).prop_map(|(one, two, seed)| Step::WriteVectored(one, two, seed)),
        2 => (1..600usize, any::<u8>()).prop_map(|(len, seed)| Step::WriteOnce(len, seed)),
        1 => Just(Step::Flush),
        2 => (0..900u64).prop_map(|to| Step::Seek(SeekFrom::Start(to))),
        2 => (-500..500i64).prop_map(|by| Step::Seek(SeekFrom::Current(by))),
        1 => (-900..100i64).prop_map(|by| Step::Seek(SeekFrom::End(by))),
        1 => Just(Step::Seek(SeekFrom::Current(i64::MIN))),
        1 => (0..900u64).prop_map(Step::SetLen),
        1 => (0..900u64).prop_map(Step::GiveUpSetLen),
        1 => Just(Step::Sync),
        1 => (1..700usize).prop_map(Step::Buffer),
    ]
}

/// One step on both files.
async fn take(step: Step, file: &mut File, reference: &mut std::fs::File) {
    match step {
        Step::Read(len) => {
            let mut got = vec![0; len];
            let count = file.read(&mut got).await.unwrap();
            // How much one read gives is its own affair; what it gives is not.
            let mut expected = vec![0; count];
            reference.read_exact(&mut expected).unwrap();
            assert_eq!(&got[..count], expected);
            if count == 0 && len > 0 {
                assert_eq!(reference.read(&mut [0]).unwrap(), 0, "the file ended early");
            }
        }
        Step::GiveUpRead(len) => {
            let mut got = vec![0; len];
            let first = poll_fn(|cx| {
                let mut buf = ReadBuf::new(&mut got);
                let polled = Pin::new(&mut *file).poll_read(cx, &mut buf);
                Poll::Ready(polled.map_ok(|()| buf.filled().len()))
            });
            if let Poll::Ready(count) = first.await {
                let mut expected = vec![0; count.unwrap()];
                reference.read_exact(&mut expected).unwrap();
                assert_eq!(&got[..expected.len()], expected);
            }
        }
        Step::Write(len, seed) => {
            let data = bytes(len, seed);
            file.write_all(&data).await.unwrap();
            reference.write_all(&data).unwrap();
        }
        Step::WriteVectored(one, two, seed) => {
            let (one, two) = (bytes(one, seed), bytes(two, !seed));
            let count = file.write_vectored(&[IoSlice::new(&one), IoSlice::new(&two)]).await.unwrap();
            assert_eq!(count, (one.len() + two.len()).min(file.max_buf_size()));
            reference.write_all(&[one, two].concat()[..count]).unwrap();
        }
        Step::WriteOnce(len, seed) => {
            let data = bytes(len, seed);
            let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut *file).poll_write(cx, &data)));
            if let Poll::Ready(count) = first.await {
                reference.write_all(&data[..count.unwrap()]).unwrap();
            }
        }
        Step::Flush => file.flush().await.unwrap(),
        Step::Seek(to) => {
            let (got, expected) = (file.seek(to).await, reference.seek(to));
            assert_eq!(got.as_ref().ok(), expected.as_ref().ok());
            assert_eq!(got.map_err(|error| error.raw_os_error()).err(), expected.map_err(|e| e.raw_os_error()).err());
        }
        Step::SetLen(len) => {
            file.set_len(len).await.unwrap();
            reference.set_len(len).unwrap();
        }
        Step::GiveUpSetLen(len) => {
            file.flush().await.unwrap();
            // A read that was given up is still waited for; only then the length is on its way.
            file.sync_data().await.unwrap();
            {
                let mut set = pin!(file.set_len(len));
                let first = poll_fn(|cx| Poll::Ready(set.as_mut().poll(cx)));
                if let Poll::Ready(set) = first.await {
                    set.unwrap();
                }
            }
            reference.set_len(len).unwrap();
        }
        Step::Sync => {
            file.sync_all().await.unwrap();
            assert_eq!(file.metadata().await.unwrap().len(), reference.metadata().unwrap().len());
        }
        Step::Buffer(len) => file.set_max_buf_size(len),
    }
}

fn same_as_std(initial: usize, steps: Vec<Step>, drop_it: bool) {
    let directory = tempfile::tempdir().unwrap();
    let (path, reference_path) = (directory.path().join("ours"), directory.path().join("std"));
    for path in [&path, &reference_path] {
        std::fs::write(path, bytes(initial, 0)).unwrap();
    }
    let open = |path: &Path| std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut reference = open(&reference_path);
    let runtime = runtime();
    runtime.block_on(async {
        let mut file = File::from_std(open(&path));
        for step in steps {
            take(step, &mut file, &mut reference).await;
        }
        if drop_it {
            // A length that was given up is not promised; a write is, and nobody waits for it.
            file.sync_data().await.unwrap();
            take(Step::WriteOnce(100, 9), &mut file, &mut reference).await;
            drop(file);
        } else {
            file.flush().await.unwrap();
            drop(file.into_std().await);
        }
    });
    // Waits for what a dropped file still has in flight.
    drop(runtime);
    assert_eq!(std::fs::read(path).unwrap(), std::fs::read(reference_path).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_program_has_the_same_answers_as_stds(
        initial in 0..1500usize,
        steps in prop::collection::vec(step(), 1..40),
        drop_it in any::<bool>(),
    ) {
        same_as_std(initial, steps, drop_it);
    }
}

#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    fn sync<T: Sync>() {}
    sync::<File>();
    let check = |file: &'static File| {
        send(file.sync_all());
        send(file.set_len(1));
        send(file.try_clone());
        send(file.metadata());
    };
    let _ = check;
    send(File::open("x"));
    send(fs::read_dir("x"));
}

#[test]
fn what_is_read_is_what_was_written_whole_and_in_buffers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    runtime().block_on(async {
        let data = bytes(5 << 20, 7);
        let mut file = File::create(&path).await.unwrap();
        assert_eq!(file.max_buf_size(), 2 << 20);
        assert_eq!(file.write(&data).await.unwrap(), 2 << 20);
        file.write_all(&data[2 << 20..]).await.unwrap();
        file.flush().await.unwrap();
        let mut file = File::open(&path).await.unwrap();
        file.set_max_buf_size(4096);
        let mut got = Vec::new();
        file.read_to_end(&mut got).await.unwrap();
        assert!(got == data);
    });
}

#[test]
fn create_new_makes_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    runtime().block_on(async {
        let mut file = File::create_new(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        file.rewind().await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'a');
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(File::open(directory.path().join("no")).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut appended = OpenOptions::new().append(true).open(&path).await.unwrap();
        appended.write_all(b"d").await.unwrap();
        appended.shutdown().await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"abcd");
    });
}

#[test]
fn a_seek_that_fails_leaves_the_reader_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "contents").unwrap();
    let (runtime, release) = stuck_pool();
    runtime.block_on(async {
        let mut file = File::from_std(std::fs::File::open(&path).unwrap());
        let mut got = [0; 8];
        assert!(poll_once(pin!(file.read(&mut got))).is_pending());
        // All of it will be read and none of it taken.
        drop(release);
        for to in [SeekFrom::Current(-1), SeekFrom::End(-100)] {
            assert_eq!(file.seek(to).await.unwrap_err().raw_os_error(), Some(libc::EINVAL));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "contents");
    });
}

/// A file that cannot be written.
async fn read_only(path: &Path) -> File {
    fs::write(path, "contents").await.unwrap();
    File::open(path).await.unwrap()
}

#[test]
fn a_failed_write_is_told_once_by_the_next_write_or_flush() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    runtime().block_on(async {
        let mut file = read_only(&path).await;
        for _ in 0..2 {
            assert_eq!(file.write(b"x").await.unwrap(), 1, "a write returns when its bytes are taken");
            let error = file.flush().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
            file.flush().await.unwrap();
        }
        assert_eq!(file.write(b"x").await.unwrap(), 1);
        assert_eq!(file.write(b"x").await.unwrap_err().raw_os_error(), Some(libc::EBADF));
        // The second write took no byte, so there is nothing to fail.
        file.shutdown().await.unwrap();
    });
}

#[test]
fn what_is_not_a_write_keeps_its_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    runtime().block_on(async {
        let mut file = read_only(&path).await;
        let mut text = String::new();

        assert_eq!(file.write(b"x").await.unwrap(), 1);
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "contents");
        assert!(file.flush().await.is_err(), "lost by a read");

        assert_eq!(file.write(b"x").await.unwrap(), 1);
        assert_eq!(file.seek(SeekFrom::Start(3)).await.unwrap(), 3);
        assert!(file.flush().await.is_err(), "lost by a seek");

        assert_eq!(file.write(b"x").await.unwrap(), 1);
        file.sync_all().await.unwrap();
        assert!(file.flush().await.is_err(), "lost by a sync");

        assert_eq!(file.write(b"x").await.unwrap(), 1);
        assert!(file.set_len(1).await.is_err());
        assert!(file.flush().await.is_err(), "lost by a change of length");
        file.flush().await.unwrap();
    });
}

#[test]
fn a_busy_file_neither_seeks_nor_converts_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let (runtime, release) = stuck_pool();
    runtime.block_on(async {
        let mut file = File::from_std(std::fs::File::create(&path).unwrap());
        assert_eq!(file.write(b"written").await.unwrap(), 7);
        let seek = gumption_io::io::AsyncSeek::start_seek(Pin::new(&mut file), SeekFrom::Start(0));
        assert!(seek.unwrap_err().to_string().contains("other file operation is pending"));
        let file = file.try_into_std().unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let mut converted = pin!(file.into_std());
        assert!(poll_once(converted.as_mut()).is_pending());
        drop(release);
        drop(converted.await);
        assert_eq!(std::fs::read(&path).unwrap(), b"written");
    });
}

#[test]
fn into_std_waits_for_what_was_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, release) = stuck_pool();
    runtime.block_on(async {
        let file = File::from_std(std::fs::File::create(directory.path().join("file")).unwrap());
        for _ in 0..3 {
            assert!(poll_once(pin!(file.metadata())).is_pending());
            assert!(poll_once(pin!(file.sync_all())).is_pending());
        }
        let mut converted = pin!(file.into_std());
        assert!(poll_once(converted.as_mut()).is_pending());
        drop(release);
        converted.await.metadata().unwrap();
    });
}

#[test]
fn a_task_that_waits_for_a_file_says_that_it_waits_for_the_pool() {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, release) = stuck_pool();
    let path = directory.path().join("file");
    let waits = async move {
        let mut release = Some(release);
        let mut wait = pin!(fs::write(path, "x"));
        poll_fn(move |cx| {
            let polled = wait.as_mut().poll(cx);
            if polled.is_pending() && release.is_some() {
                let (reason, closure) = with_current(|task| task.wait()).unwrap();
                assert_eq!(reason, WaitReason::BlockingPool);
                assert_ne!(closure, 0);
                release = None;
            }
            polled
        })
        .await
    };
    runtime.block_on(async { gumption_core::spawn(waits).await.unwrap().unwrap() });
}

#[test]
fn many_tasks_on_one_file_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Builder::new_multi_thread().processors(3).enable_all().build().unwrap();
    let path = directory.path().join("file");
    runtime.block_on(async {
        let file = std::sync::Arc::new(File::create(&path).await.unwrap());
        let tasks: Vec<_> = (0..64u64)
            .map(|i| {
                let file = file.clone();
                gumption_core::spawn(async move {
                    for round in 0..8 {
                        // Some give up while they wait for their turn or have it.
                        if (i + round) % 3 == 0 {
                            let mut given_up = pin!(file.set_len(1000));
                            poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_ready())).await;
                        } else {
                            file.set_len(i).await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        file.set_len(77).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 77);
    });
}

#[test]
fn clones_share_a_cursor_and_a_buffer_size() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let mut file = File::create_new(directory.path().join("file")).await.unwrap();
        file.set_max_buf_size(3);
        file.write_all(b"abcdef").await.unwrap();
        let mut clone = file.try_clone().await.unwrap();
        assert_eq!(clone.max_buf_size(), 3);
        assert_eq!(clone.stream_position().await.unwrap(), 6);
        clone.rewind().await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 0);
    });
}

#[test]
fn times_and_permissions_are_set() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    runtime().block_on(async {
        let file = OpenOptions::new().write(true).create(true).mode(0o600).open(&path).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().permissions().mode() & 0o777, 0o600);
        file.set_permissions(std::fs::Permissions::from_mode(0o640)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().permissions().mode() & 0o777, 0o640);
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        file.set_modified(then).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().modified().unwrap(), then);
    });
}

#[test]
fn a_write_that_was_taken_survives_the_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let (runtime, release) = stuck_pool();
    let mut file = File::from_std(std::fs::File::create(&path).unwrap());
    runtime.block_on(async { file.write_all(b"promised").await.unwrap() });
    drop(file);
    let handle = runtime.handle().clone();
    let closer = std::thread::spawn(move || drop(runtime));
    // The write has not begun when the pool closes.
    while handle.try_spawn_blocking(false, || ()).is_ok() {
        std::thread::yield_now();
    }
    drop(release);
    closer.join().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"promised");
}

#[test]
fn an_operation_in_flight_at_the_runtimes_end_is_an_error_and_not_a_hang() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "contents").unwrap();
    let (runtime, release) = stuck_pool();
    let handle = runtime.handle().clone();
    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    let mut entries = Box::pin(fs::read_dir(directory.path()));
    {
        let _entered = handle.enter();
        let mut got = [0; 8];
        assert!(poll_once(pin!(file.read(&mut got))).is_pending());
        assert!(poll_once(entries.as_mut()).is_pending());
    }
    runtime.shutdown_background();
    // It waits on this thread, which has no runtime any more, only its handle.
    let mut got = [0; 8];
    let read = handle.block_on(file.read(&mut got)).unwrap_err();
    assert_eq!(read.to_string(), "background task failed");
    assert!(handle.block_on(entries).is_err());
    let begun_after = handle.block_on(fs::read(&path)).unwrap_err();
    assert_eq!(begun_after.to_string(), "background task failed");
    // A second time, too, and a write takes nothing that it cannot promise.
    assert!(handle.block_on(file.read(&mut got)).is_err());
    assert!(handle.block_on(file.write(b"x")).is_err());
    drop(release);
    // A file may move to another runtime.
    let mut text = String::new();
    self::runtime().block_on(file.read_to_string(&mut text)).unwrap();
    assert_eq!(text, "contents");
}

#[test]
fn outside_a_runtime_it_says_so() {
    let panic = std::panic::catch_unwind(|| {
        let _ = poll_once(pin!(fs::read("x")));
    });
    let payload = panic.unwrap_err();
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref().copied()).unwrap();
    assert!(text.contains("must be called from the context of a Tokio 1.x runtime"), "{text}");
}
