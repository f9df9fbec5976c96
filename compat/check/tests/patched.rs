//! The package named tokio is Gumption: for this crate, and for the libraries.

use tokio::runtime::Handle;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokio_is_gumption() {
    // No other runtime has these words for it.
    let before = Handle::current().stats().totals.spawned;
    tokio::spawn(async {}).await.unwrap();
    assert!(Handle::current().stats().totals.spawned > before);
}

#[tokio::test]
async fn a_library_spawns_on_it() {
    let before = Handle::current().stats().totals.spawned;
    tokio_util::task::TaskTracker::new().spawn(async {}).await.unwrap();
    assert!(Handle::current().stats().totals.spawned > before);
}
