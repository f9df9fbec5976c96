//! tokio-rustls: an echo over TLS.

use gumption_compat_check::soon;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

fn both_sides() -> (TlsAcceptor, TlsConnector) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

#[tokio::test(flavor = "multi_thread")]
async fn echo() {
    let (acceptor, connector) = both_sides();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        for _ in 0..8 {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (mut reader, mut writer) = split(acceptor.accept(stream).await.unwrap());
                copy(&mut reader, &mut writer).await.unwrap();
                writer.shutdown().await.unwrap();
            });
        }
    });
    let clients = (0..8_u8).map(|i| {
        let connector = connector.clone();
        tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let (mut reader, mut writer) = split(connector.connect(name, stream).await.unwrap());
            let sent = vec![i; 300_000];
            let receiving = tokio::spawn(async move {
                let mut received = Vec::new();
                reader.read_to_end(&mut received).await.map(|_| received)
            });
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
            assert!(receiving.await.unwrap().unwrap() == sent, "what came back is not what was sent");
        })
    });
    for client in clients.collect::<Vec<_>>() {
        soon("a client", client).await.unwrap();
    }
    soon("the server", serving).await.unwrap();
}
