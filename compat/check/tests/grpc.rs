//! A tonic server and client: all four kinds of calls. What `tonic-build` would make of a `.proto` is written by hand.

use futures::{Stream, StreamExt, stream};
use gumption_compat_check::soon;
use http::uri::PathAndQuery;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(uint64, tag = "1")]
    n: u64,
}

type Codec = ProstCodec<Number, Number>;
type Numbers = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;

#[derive(Clone)]
struct Adder;

impl Adder {
    async fn double(request: Request<Number>) -> Result<Response<Number>, Status> {
        match request.into_inner().n.checked_mul(2) {
            Some(n) => Ok(Response::new(Number { n })),
            None => Err(Status::out_of_range("too large")),
        }
    }

    /// From a task of its own, through a channel, as most services do.
    async fn count(request: Request<Number>) -> Result<Response<Numbers>, Status> {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            for n in 0..request.into_inner().n {
                if sender.send(Ok(Number { n })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn sum(request: Request<Streaming<Number>>) -> Result<Response<Number>, Status> {
        let mut numbers = request.into_inner();
        let mut n = 0;
        while let Some(number) = numbers.message().await? {
            n += number.n;
        }
        Ok(Response::new(Number { n }))
    }

    async fn running_sum(request: Request<Streaming<Number>>) -> Result<Response<Numbers>, Status> {
        let sums = request.into_inner().scan(0, |sum, number| {
            ready(Some(number.map(|number| {
                *sum += number.n;
                Number { n: *sum }
            })))
        });
        Ok(Response::new(Box::pin(sums)))
    }
}

impl NamedService for Adder {
    const NAME: &'static str = "check.Adder";
}

impl Service<http::Request<Body>> for Adder {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Codec::default());
            Ok(match request.uri().path() {
                "/check.Adder/Double" => grpc.unary(service_fn(Self::double), request).await,
                "/check.Adder/Count" => grpc.server_streaming(service_fn(Self::count), request).await,
                "/check.Adder/Sum" => grpc.client_streaming(service_fn(Self::sum), request).await,
                "/check.Adder/RunningSum" => grpc.streaming(service_fn(Self::running_sum), request).await,
                _ => Status::unimplemented("no such call").into_http(),
            })
        })
    }
}

async fn serve() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        let until = async { stopped.await.unwrap_or_default() };
        Server::builder().add_service(Adder).serve_with_incoming_shutdown(incoming, until).await.unwrap();
    });
    (address, stop, running)
}

type Client = tonic::client::Grpc<Channel>;

async fn connect(address: SocketAddr) -> Client {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    Client::new(soon("a connection", channel.connect()).await.unwrap())
}

fn path(call: &str) -> PathAndQuery {
    format!("/check.Adder/{call}").parse().unwrap()
}

async fn double(client: &mut Client, n: u64) -> Result<u64, Status> {
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let response = client.unary(Request::new(Number { n }), path("Double"), Codec::default());
    Ok(soon("double", response).await?.into_inner().n)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_kinds_of_calls() {
    let (address, stop, running) = serve().await;
    let mut client = connect(address).await;

    assert_eq!(double(&mut client, 21).await.unwrap(), 42);
    assert_eq!(double(&mut client, u64::MAX).await.unwrap_err().code(), Code::OutOfRange);

    client.ready().await.unwrap();
    let counted = client.server_streaming(Request::new(Number { n: 100 }), path("Count"), Codec::default());
    let counted = soon("count", counted).await.unwrap().into_inner();
    let counted: Vec<u64> = soon("all numbers", counted.map(|number| number.unwrap().n).collect()).await;
    assert_eq!(counted, (0..100).collect::<Vec<_>>());

    client.ready().await.unwrap();
    let numbers = Request::new(stream::iter((0..100).map(|n| Number { n })));
    let sum = soon("sum", client.client_streaming(numbers, path("Sum"), Codec::default())).await;
    assert_eq!(sum.unwrap().into_inner().n, 4950);

    // One question after each answer: neither side has all before the other begins.
    client.ready().await.unwrap();
    let (questions, receiver) = mpsc::channel(1);
    let request = Request::new(ReceiverStream::new(receiver));
    let sums = soon("sums", client.streaming(request, path("RunningSum"), Codec::default())).await;
    let mut sums = sums.unwrap().into_inner();
    for n in 1..50 {
        questions.send(Number { n }).await.unwrap();
        assert_eq!(soon("a sum", sums.message()).await.unwrap(), Some(Number { n: n * (n + 1) / 2 }));
    }
    drop(questions);
    assert_eq!(soon("the end", sums.message()).await.unwrap(), None);

    drop(client);
    stop.send(()).unwrap();
    soon("the server stops", running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_of_one_channel() {
    let (address, stop, running) = serve().await;
    let client = connect(address).await;
    let clients = (0..32).map(|task| {
        let mut client = client.clone();
        tokio::spawn(async move {
            for n in task * 20..(task + 1) * 20 {
                assert_eq!(double(&mut client, n).await.unwrap(), n * 2);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        soon("a client", client).await.unwrap();
    }
    drop(client);
    stop.send(()).unwrap();
    soon("the server stops", running).await.unwrap();
}
