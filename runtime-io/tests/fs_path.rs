//! Everything with a name: the functions on paths, directories, and reading a directory.

use gumption_io::fs::{self, DirBuilder};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
type Builder = gumption_core::runtime::Builder<gumption_io::Netpoller>;

fn run<F: Future>(test: impl FnOnce(PathBuf) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let runtime: Runtime = Builder::new_multi_thread().processors(2).enable_all().build().unwrap();
    runtime.block_on(test(directory.path().canonicalize().unwrap()));
}

#[test]
fn files_come_and_go() {
    run(|root| async move {
        let (a, b) = (root.join("a"), root.join("b"));
        assert!(!fs::try_exists(&a).await.unwrap());
        assert_eq!(fs::read(&a).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::write(&a, [b'h', b'i']).await.unwrap();
        assert_eq!(fs::read_to_string(&a).await.unwrap(), "hi");
        assert_eq!(fs::copy(&a, &b).await.unwrap(), 2);
        fs::write(&a, [0xff]).await.unwrap();
        assert_eq!(fs::read_to_string(&a).await.unwrap_err().kind(), ErrorKind::InvalidData);
        fs::rename(&a, &b).await.unwrap();
        assert_eq!(fs::read(&b).await.unwrap(), [0xff]);
        fs::set_permissions(&b, std::fs::Permissions::from_mode(0o604)).await.unwrap();
        assert_eq!(fs::metadata(&b).await.unwrap().permissions().mode() & 0o777, 0o604);
        fs::remove_file(&b).await.unwrap();
        assert_eq!(fs::remove_file(&b).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn links_lead_somewhere() {
    run(|root| async move {
        let (file, hard, soft) = (root.join("file"), root.join("hard"), root.join("soft"));
        fs::write(&file, "x").await.unwrap();
        fs::hard_link(&file, &hard).await.unwrap();
        fs::symlink(&file, &soft).await.unwrap();
        assert_eq!(fs::read_link(&soft).await.unwrap(), file);
        assert!(fs::symlink_metadata(&soft).await.unwrap().is_symlink());
        assert!(fs::metadata(&soft).await.unwrap().is_file());
        assert_eq!(fs::canonicalize(root.join("./soft")).await.unwrap(), file);
        fs::remove_file(&file).await.unwrap();
        assert!(!fs::try_exists(&soft).await.unwrap(), "a broken link is nothing");
        assert_eq!(fs::read(&hard).await.unwrap(), b"x");
    });
}

#[test]
fn directories_come_and_go() {
    run(|root| async move {
        let deep = root.join("a/b/c");
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all(&deep).await.unwrap();
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        DirBuilder::new().mode(0o700).create(root.join("private")).await.unwrap();
        assert_eq!(fs::metadata(root.join("private")).await.unwrap().permissions().mode() & 0o777, 0o700);
        assert!(DirBuilder::new().create(root.join("x/y")).await.is_err());
        DirBuilder::new().recursive(true).create(root.join("x/y")).await.unwrap();
        assert!(fs::remove_dir(root.join("x")).await.is_err(), "it is not empty");
        fs::remove_dir(root.join("x/y")).await.unwrap();
        fs::remove_dir_all(root.join("a")).await.unwrap();
        assert!(!fs::try_exists(root.join("a")).await.unwrap());
    });
}

#[test]
fn a_thousand_entries_are_read_each_once_also_when_futures_are_dropped() {
    run(|root| async move {
        let expected: BTreeSet<_> = (0..1000).map(|i| format!("entry-{i}")).collect();
        for name in &expected {
            std::fs::write(root.join(name), "").unwrap();
        }
        for give_up in [false, true] {
            let mut entries = fs::read_dir(&root).await.unwrap();
            let mut seen = BTreeSet::new();
            loop {
                if give_up {
                    // A future that is dropped while it waits has taken no entry; one that is ready hands its entry over.
                    let first = {
                        let mut next = pin!(entries.next_entry());
                        poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await
                    };
                    if let Poll::Ready(entry) = first {
                        let Some(entry) = entry.unwrap() else { break };
                        assert!(seen.insert(entry.file_name().into_string().unwrap()));
                        continue;
                    }
                }
                let Some(entry) = entries.next_entry().await.unwrap() else { break };
                assert_eq!(entry.path(), root.join(entry.file_name()));
                assert!(entry.file_type().await.unwrap().is_file());
                assert!(seen.insert(entry.file_name().into_string().unwrap()), "an entry was seen twice");
            }
            assert_eq!(seen, expected);
            assert!(entries.next_entry().await.unwrap().is_none(), "the end lasts");
        }
    });
}

#[test]
fn an_entry_knows_its_file() {
    run(|root| async move {
        use std::os::unix::fs::MetadataExt;
        std::fs::write(root.join("one"), "four").unwrap();
        let mut entries = fs::read_dir(&root).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        let metadata = entry.metadata().await.unwrap();
        assert_eq!((metadata.len(), metadata.ino()), (4, entry.ino()));
        std::fs::remove_file(entry.path()).unwrap();
        assert_eq!(entry.metadata().await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_dir(root.join("no")).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_future_that_is_dropped_has_done_its_work_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made");
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    {
        let _entered = runtime.enter();
        let mut made = pin!(fs::create_dir(&path));
        let polled = made.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(made) = polled {
            made.unwrap();
        }
    }
    // A closure that runs to its end after it: one thread takes them in order.
    while runtime.stats().totals.blocking_pool.completed == 0 {
        std::thread::yield_now();
    }
    assert!(path.is_dir());
}
