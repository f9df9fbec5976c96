//! From a stream of bytes to messages: a codec, and why it needs a limit.
//!
//! A stream has no messages. What one side writes in one call the other may read in three, and three writes in one. So
//! every protocol says where a message ends, by a length or by a mark, and somebody must collect bytes until a whole
//! one is there. That somebody is a *codec*:
//!
//! ```text
//!   bytes from the stream -> [ buffer ] -> decode: "not yet", a message, or an error -> a Stream of messages
//!   a Sink of messages -> encode -> [ buffer ] -> bytes to the stream, when flushed
//! ```
//!
//! `asynchronous_codec::Framed` has the two buffers and calls the codec; it wants the io traits of the `futures` crates,
//! which our streams have (feature `futures-io`). The codec here speaks a small store's protocol, a line each way:
//! `set KEY VALUE`, `get KEY`, `count`. Its decoder must be right about three things:
//!
//! - **Any cut.** It is called with whatever has come: a byte, a line and a half. `Ok(None)` means "not yet".
//! - **A limit.** Without one, who sends no newline fills the server's memory. A line that is too long cannot be skipped
//!   safely either, because one does not know where it ends: it ends the connection. A line that makes no sense is another
//!   matter: it has an end, is answered with `error`, and the next one is as good as any.
//! - **The end.** Bytes without a newline at the end are half a message: an error, never a message.
//!
//! The reply is *fed* to the sink while more whole lines wait in the buffer, and *sent* (fed and flushed) after the last: so a
//! client that sends a hundred lines in one packet gets its answers in one, too.
//!
//! ```text
//! cargo run -p gumption-examples --bin framed-lines -- --listen 127.0.0.1:7000     # then, elsewhere:
//! nc 127.0.0.1 7000
//! ```

use asynchronous_codec::{Decoder, Encoder, Framed};
use bytes::{BufMut, BytesMut};
use futures_util::{AsyncRead, AsyncWrite, SinkExt, StreamExt};
use gumption::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::Runtime;
use gumption_examples::Lesson;
use gumption_examples::program::{Mode, peer_has_gone, serve_until_interrupted};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

type Failed = Box<dyn Error + Send + Sync>;

/// The longest line, without its end.
const LONGEST: usize = 256;

/// What a client says.
enum Command {
    Set {
        key: String,
        value: String,
    },
    Get {
        key: String,
    },
    Count,
    /// A line, and yet none of the above: why.
    Nonsense(&'static str),
}

/// What the server says.
enum Reply {
    Done,
    Value(String),
    Missing,
    Count(usize),
    Error(String),
}

struct Lines;

impl Lines {
    fn command(line: &[u8]) -> Command {
        let Ok(line) = str::from_utf8(line) else { return Command::Nonsense("not UTF-8") };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest.split_once(' ')) {
            ("count", None) if rest.is_empty() => Command::Count,
            ("get", None) if !rest.is_empty() => Command::Get { key: rest.to_owned() },
            ("set", Some((key, value))) if !key.is_empty() => {
                Command::Set { key: key.to_owned(), value: value.to_owned() }
            }
            _ => Command::Nonsense("there are set KEY VALUE, get KEY and count"),
        }
    }
}

impl Decoder for Lines {
    type Item = Command;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Command>> {
        let too_long = || io::Error::new(ErrorKind::InvalidData, format!("a line is longer than {LONGEST} bytes"));
        // The longest line and its end, `\r\n` at most. However much has come, no more is looked at.
        let within = &buffer[..buffer.len().min(LONGEST + 2)];
        let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
            return if within.len() < LONGEST + 2 { Ok(None) } else { Err(too_long()) };
        };
        let line = buffer.split_to(end + 1);
        let line = &line[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LONGEST {
            return Err(too_long());
        }
        Ok(Some(Self::command(line)))
    }
}

impl Encoder for Lines {
    type Item<'a> = Reply;
    type Error = io::Error;

    fn encode(&mut self, reply: Reply, buffer: &mut BytesMut) -> io::Result<()> {
        let line = match reply {
            Reply::Done => "done".to_owned(),
            Reply::Value(value) => format!("value {value}"),
            Reply::Missing => "missing".to_owned(),
            Reply::Count(count) => format!("count {count}"),
            Reply::Error(why) => format!("error {why}"),
        };
        buffer.put_slice(line.as_bytes());
        buffer.put_u8(b'\n');
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Store(Arc<Mutex<BTreeMap<String, String>>>);

impl Store {
    /// Never waits for more than another of these calls: a plain lock is right.
    fn apply(&self, command: Command) -> Reply {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match command {
            Command::Set { key, value } => {
                map.insert(key, value);
                Reply::Done
            }
            Command::Get { key } => map.get(&key).cloned().map_or(Reply::Missing, Reply::Value),
            Command::Count => Reply::Count(map.len()),
            Command::Nonsense(why) => Reply::Error(why.to_owned()),
        }
    }
}

/// Serves one client to its end; how many lines it said.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, store: Store) -> io::Result<usize> {
    let mut framed = Framed::new(stream, Lines);
    let mut lines = 0;
    while let Some(command) = framed.next().await {
        match command {
            Ok(command) => {
                lines += 1;
                let reply = store.apply(command);
                if framed.read_buffer().contains(&b'\n') {
                    framed.feed(reply).await?;
                } else {
                    framed.send(reply).await?;
                }
            }
            Err(error) => {
                // The client is told why, if it listens; what is reported is the first error.
                let _ = framed.send(Reply::Error(error.to_string())).await;
                let _ = framed.close().await;
                return Err(error);
            }
        }
    }
    framed.close().await?;
    Ok(lines)
}

async fn serve(listener: TcpListener) {
    let store = Store::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let store = store.clone();
                gumption::spawn(async move {
                    if let Err(error) = converse(stream, store).await
                        && !peer_has_gone(&error)
                    {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            // One client's trouble, or no descriptor left. The listener rests by itself before it tries again.
            Err(error) => eprintln!("accept: {error}"),
        }
    }
}

/// Says `pieces`, one write each, through a pipe of `size` bytes; what came back, and how the server saw the end.
async fn said(pieces: &[&[u8]], size: usize) -> Result<(Vec<String>, Result<usize, ErrorKind>), Failed> {
    let (client, server) = duplex(size);
    let served = gumption::spawn(converse(server, Store::default()));
    let (read, write) = gumption::io::split(client);
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    // Both at once: who writes everything before it reads anything waits for the server, which waits for it.
    let writing = gumption::spawn(say(write, pieces));
    let mut lines = BufReader::new(read).lines();
    let mut replies = Vec::new();
    while let Some(line) = lines.next_line().await? {
        replies.push(line);
    }
    writing.await?;
    Ok((replies, served.await?.map_err(|error| error.kind())))
}

async fn say(mut write: gumption::io::WriteHalf<DuplexStream>, pieces: Vec<Vec<u8>>) {
    for piece in pieces {
        // The server may have hung up before it has heard all: the check is in what it said.
        if write.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = write.shutdown().await;
}

async fn check() -> Result<ExitCode, Failed> {
    let mut lesson = Lesson::check_only("a codec: from bytes to messages");
    let talk = b"set a 1\nset b two words\nget a\nget b\nget c\ncount\n".as_slice();
    let replies = ["done", "done", "value 1", "value two words", "missing", "count 2"].map(str::to_owned).to_vec();

    println!("six lines, cut as a network might");
    lesson.check("all in one piece", said(&[talk], 4096).await?, (replies.clone(), Ok(6)));
    let bytes: Vec<&[u8]> = talk.chunks(1).collect();
    lesson.check("a byte at a time", said(&bytes, 4096).await?, (replies.clone(), Ok(6)));
    lesson.check("through a pipe of three bytes, both ways", said(&[talk], 3).await?, (replies, Ok(6)));

    println!("lines that make no sense");
    let nonsense = said(&[b"put a 1\r\n\nset \xff 1\nset a 1\r\nget a\r\n"], 64).await?;
    let usage = "error there are set KEY VALUE, get KEY and count";
    let replies = [usage, usage, "error not UTF-8", "done", "value 1"].map(str::to_owned).to_vec();
    lesson.check("are answered, and the next is as good as any", nonsense, (replies, Ok(5)));

    println!("the longest line, and one byte more");
    let line = |length: usize| format!("get {}\n", "k".repeat(length - 4)).into_bytes();
    lesson.check("the longest", said(&[&line(LONGEST)], 64).await?, (vec!["missing".to_owned()], Ok(1)));
    let refused = format!("error a line is longer than {LONGEST} bytes");
    let too_long = said(&[&line(LONGEST + 1)], 64).await?;
    lesson.check("one byte more", too_long, (vec![refused.clone()], Err(ErrorKind::InvalidData)));
    let talk = [b"get k\n".to_vec(), vec![b'k'; 1 << 20]].concat();
    let replies = vec!["missing".to_owned(), refused];
    lesson.check("a MiB without an end", said(&[&talk], 64).await?, (replies, Err(ErrorKind::InvalidData)));

    println!("half a line at the end");
    let (mut replies, end) = said(&[b"set a 1\nset b"], 64).await?;
    replies.truncate(1);
    lesson.check("is no line", (replies, end), (vec!["done".to_owned()], Err(ErrorKind::UnexpectedEof)));

    println!("over a socket, two clients and one store");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = gumption::spawn(serve(listener));
    let mut last = String::new();
    for talk in ["set shared yes\n", "get shared\n"] {
        let mut stream = TcpStream::connect(address).await?;
        AsyncWriteExt::write_all(&mut stream, talk.as_bytes()).await?;
        AsyncWriteExt::shutdown(&mut stream).await?;
        last.clear();
        AsyncReadExt::read_to_string(&mut stream, &mut last).await?;
    }
    lesson.check("what the one has set the other gets", last.as_str(), "value yes\n");
    serving.abort();
    Ok(lesson.result())
}

fn main() -> Result<ExitCode, Failed> {
    match Mode::from_arguments() {
        Mode::Check => Runtime::new()?.block_on(check()),
        Mode::Listen(address) => Ok(serve_until_interrupted(address, serve)?),
    }
}
