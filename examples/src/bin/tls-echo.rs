//! An echo over TLS: rustls on both ends of a socket.
//!
//! TLS is a layer between a socket and who reads it, and rustls is only the layer: bytes in, bytes out, no sockets.
//! futures-rustls ties it to streams that have the io traits of the `futures` crates. With the feature `futures-io` ours have
//! them, and what comes back out is made one of ours again by `compat`:
//!
//! ```text
//!   TcpStream            has both kinds of traits
//!     | acceptor.accept, connector.connect: the handshake
//!   TlsStream            has those of `futures`
//!     | compat()
//!   Compat<TlsStream>    has ours: read, write_all, copy, lines, BufReader, ...
//! ```
//!
//! Three things change for who writes to a TLS stream, and the self-check shows each:
//!
//! - **Who is it?** The client checks the server's certificate against those that it trusts, and the name in it against the one
//!   that it wanted. Here the server makes a certificate when it starts, and the client trusts that one alone.
//! - **When does it end?** A TCP stream that ends might have been cut by anybody on the way. TLS says goodbye inside
//!   the encryption (`close_notify`, sent by `shutdown`), so an end without it is an error, and not an end of file.
//! - **When does it leave?** `write` hands bytes to the layer, `flush` sees them through to the socket.
//!
//! The handshake is the expensive part, and a client may begin one and fall silent: it gets a time limit. The
//! cryptography is `ring`'s, which builds with a C compiler and nothing else.
//!
//! ```text
//! cargo run -p gumption-examples --bin tls-echo -- --listen 127.0.0.1:8443 | tee certificate      # then, elsewhere:
//! openssl s_client -connect 127.0.0.1:8443 -CAfile certificate -verify_hostname localhost -quiet
//! ```

use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use futures_rustls::rustls::crypto::ring;
use futures_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, ServerConfig};
use futures_rustls::{TlsAcceptor, TlsConnector, client};
use gumption::compat::{Compat, FuturesAsyncReadCompatExt};
use gumption::io::{AsyncReadExt, AsyncWriteExt};
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::Runtime;
use gumption::time::{Duration, timeout};
use gumption_examples::Lesson;
use gumption_examples::program::{Mode, serve_until_interrupted};
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;

type Failed = Box<dyn Error + Send + Sync>;

/// A server's side of TLS, and its certificate as a client needs it: in DER, and in PEM for people and openssl.
struct Identity {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Identity {
    /// A new key, and a certificate for `localhost` that is signed by that key itself.
    fn new() -> Result<Self, Failed> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate, pem: made.cert.pem() })
    }
}

/// A client's side that trusts `certificate` and no other.
fn trusting(certificate: CertificateDer<'static>) -> Result<TlsConnector, Failed> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Sends back what comes in, until the client says goodbye; how many bytes.
async fn echo(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<u64> {
    let tls = timeout(Duration::from_secs(10), acceptor.accept(stream)).await??;
    let mut tls = tls.compat();
    let mut buffer = vec![0; 16 << 10];
    let mut total = 0;
    loop {
        let count = tls.read(&mut buffer).await?;
        if count == 0 {
            tls.shutdown().await?;
            return Ok(total);
        }
        tls.write_all(&buffer[..count]).await?;
        tls.flush().await?;
        total += count as u64;
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let acceptor = acceptor.clone();
                gumption::spawn(async move {
                    if let Err(error) = echo(acceptor, stream).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            // One client's trouble, or no descriptor left. The listener rests by itself before it tries again.
            Err(error) => eprintln!("accept: {error}"),
        }
    }
}

type Client = Compat<client::TlsStream<TcpStream>>;
type Echo = gumption::task::JoinHandle<io::Result<u64>>;

/// A connection to `identity`'s echo for a client that wants to talk to `name`; and the task that serves it.
async fn connect(
    identity: &Identity,
    connector: &TlsConnector,
    name: &'static str,
) -> Result<(io::Result<Client>, Echo), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let stream = TcpStream::connect(listener.local_addr()?).await?;
    let (accepted, _) = listener.accept().await?;
    let served = gumption::spawn(echo(identity.acceptor.clone(), accepted));
    let tls = connector.connect(ServerName::try_from(name)?, stream).await;
    Ok((tls.map(FuturesAsyncReadCompatExt::compat), served))
}

/// Why there is no connection.
fn refusal(result: io::Result<Client>) -> String {
    result.err().map_or_else(|| "connected".to_owned(), |error| error.to_string())
}

async fn check() -> Result<ExitCode, Failed> {
    let mut lesson = Lesson::check_only("rustls: an echo over TLS");
    let identity = Identity::new()?;
    let connector = trusting(identity.certificate.clone())?;

    println!("an echo of 4 MiB, 64 KiB at a time");
    let (tls, served) = connect(&identity, &connector, "localhost").await?;
    let mut tls = tls?;
    let version = tls.get_ref().get_ref().1.protocol_version();
    let sent: Vec<u8> = (0..64 << 10).map(|i: u32| (i % 251) as u8).collect();
    let mut same = true;
    let mut back = vec![0; sent.len()];
    for _ in 0..64 {
        tls.write_all(&sent).await?;
        tls.flush().await?;
        tls.read_exact(&mut back).await?;
        same &= back == sent;
    }
    tls.shutdown().await?;
    lesson.check("version", version, Some(ProtocolVersion::TLSv1_3));
    lesson.check("bytes came back as they went", same, true);
    lesson.check("after our goodbye comes theirs, which is an end", tls.read(&mut back).await?, 0);
    lesson.check("bytes that the server has counted", served.await??, 4 << 20);

    println!("a goodbye that never comes");
    let (tls, served) = connect(&identity, &connector, "localhost").await?;
    let mut tls = tls?;
    tls.write_all(b"half a mess").await?;
    tls.flush().await?;
    tls.read_exact(&mut back[..11]).await?;
    // The socket without the layer: TCP says goodbye, TLS does not.
    let (stream, _) = tls.into_inner().into_inner();
    drop(stream);
    lesson.check("is no end", served.await?.map_err(|error| error.kind()), Err(ErrorKind::UnexpectedEof));

    println!("servers that are not whom the client wants");
    let (tls, served) = connect(&identity, &connector, "example.org").await?;
    lesson.check("another name", refusal(tls).contains("not valid for name \"example.org\""), true);
    lesson.check("and the server hears it", served.await?.is_err(), true);
    let stranger = Identity::new()?;
    let (tls, served) = connect(&stranger, &connector, "localhost").await?;
    lesson.check("another certificate", refusal(tls).contains("invalid peer certificate"), true);
    lesson.check("and the server hears it", served.await?.is_err(), true);
    Ok(lesson.result())
}

fn main() -> Result<ExitCode, Failed> {
    match Mode::from_arguments() {
        Mode::Check => Runtime::new()?.block_on(check()),
        Mode::Listen(address) => {
            let Identity { acceptor, pem, .. } = Identity::new()?;
            Ok(serve_until_interrupted(address, |listener| async move {
                // Who cannot read it cannot connect either, and that is for them to say.
                if let Err(error) = io::stdout().write_all(pem.as_bytes()) {
                    eprintln!("the certificate could not be printed: {error}");
                }
                serve(listener, acceptor).await;
            })?)
        }
    }
}
