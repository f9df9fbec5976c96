//! The programs that are no HTTP: their self-checks, then other people's clients against them.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use support::{Server, checks_itself, installed, refuses_nonsense, run, say};

const TLS: &str = env!("CARGO_BIN_EXE_tls-echo");
const LINES: &str = env!("CARGO_BIN_EXE_framed-lines");
const LAYERS: &str = env!("CARGO_BIN_EXE_tower-layers");

#[test]
fn tls_checks_itself() {
    checks_itself(TLS, 9);
    refuses_nonsense(TLS);
}

#[test]
fn lines_check_themselves() {
    checks_itself(LINES, 9);
    refuses_nonsense(LINES);
}

#[test]
fn layers_check_themselves() {
    checks_itself(LAYERS, 14);
    assert_eq!(run(LAYERS, &["--listen"]).status.code(), Some(2));
}

#[test]
fn lines_are_answered_to_a_plain_socket() {
    let server = Server::listen(LINES);
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.write_all(b"set a one\nget a\ncou").expect("it reads");
    let mut replies = BufReader::new(stream.try_clone().expect("a second descriptor")).lines();
    let mut reply = || replies.next().map(|line| line.expect("text"));
    assert_eq!((reply().as_deref(), reply().as_deref()), (Some("done"), Some("value one")));
    stream.write_all(b"nt\n").expect("it reads");
    assert_eq!(reply().as_deref(), Some("count 1"));
    stream.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(reply(), None);
    server.interrupt();
}

#[test]
fn openssl_is_echoed() {
    if !installed("openssl") {
        return;
    }
    let mut server = Server::listen(TLS);
    let mut pem = String::new();
    while !pem.ends_with("-----END CERTIFICATE-----\n") {
        assert_ne!(server.stdout.read_line(&mut pem).expect("text"), 0, "half a certificate: {pem}");
    }
    // rcgen's PEM may have an empty line behind it, which is not ours to read.
    let folder = std::env::temp_dir().join(format!("gumption-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is room for a folder");
    let certificate = folder.join("certificate.pem");
    File::create(&certificate).and_then(|mut file| file.write_all(pem.as_bytes())).expect("there is room for a file");

    let connect = |name: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &server.address.to_string(), "-verify_hostname", name]);
        client.args(["-verify_return_error", "-quiet", "-no_ign_eof", "-CAfile"]).arg(&certificate);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("openssl starts")
    };
    let mut client = connect("localhost");
    let mut input = client.stdin.take().expect("it is piped");
    let mut output = BufReader::new(client.stdout.take().expect("it is piped"));
    for line in ["hello from openssl\n", "and once more\n"] {
        input.write_all(line.as_bytes()).expect("openssl reads");
        let mut back = String::new();
        output.read_line(&mut back).expect("text");
        assert_eq!(back, line);
    }
    // It says goodbye, and so does the server.
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "");
    assert!(client.wait().expect("openssl ends").success());
    say("openssl s_client: verified localhost, two lines echoed");

    let stranger = connect("example.org").wait_with_output().expect("openssl ends");
    assert!(!stranger.status.success(), "{stranger:?}");
    std::fs::remove_dir_all(&folder).expect("it is ours");
    server.interrupt();
}
