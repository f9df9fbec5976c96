//! mini-redis, the application that teaches tokio: its server, and its clients.

use bytes::Bytes;
use gumption_compat_check::soon;
use mini_redis::{client, server};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server::run(listener, stopped));

    let mut one = soon("a client", client::connect(address)).await.unwrap();
    one.set("key", Bytes::from("value")).await.unwrap();
    assert_eq!(one.get("key").await.unwrap(), Some(Bytes::from("value")));
    assert_eq!(one.get("no key").await.unwrap(), None);
    one.set_expires("brief", Bytes::from("value"), Duration::from_millis(5)).await.unwrap();
    let gone = async {
        while one.get("brief").await.unwrap().is_some() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    soon("the key expires", gone).await;

    let two = soon("a client", client::connect(address)).await.unwrap();
    let mut subscriber = two.subscribe(vec!["news".to_owned()]).await.unwrap();
    assert_eq!(one.publish("news", Bytes::from("hello")).await.unwrap(), 1);
    let message = soon("the message", subscriber.next_message()).await.unwrap().unwrap();
    assert_eq!((message.channel.as_str(), &message.content[..]), ("news", &b"hello"[..]));

    drop((one, subscriber));
    stop.send(()).unwrap();
    soon("the server stops", running).await.unwrap().unwrap();
}
