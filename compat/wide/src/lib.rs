//! Libraries and applications that build on Gumption as they are published.
//!
//! Each takes other parts of tokio: what they name must be there, with the types and bounds that they expect. To run them takes
//! a database, a broker or a terminal; the compiler needs none. What can be run alone is run, in `compat/check`.

// Runtimes and pools over the runtime.
use actix_rt as _;
use bb8 as _;
use deadpool as _;

// What watches it.
use console_subscriber as _;
use tokio_metrics as _;

// Clients of databases and brokers.
use async_nats as _;
use redis as _;
use rumqttc as _;
use tokio_postgres as _;

// Protocols and servers.
use fast_socks5 as _;
use hickory_resolver as _;
use jsonrpsee_server as _;
use quinn as _;
use russh as _;
use tarpc as _;
use tokio_websockets as _;
use warp as _;

// Tools.
use tokio_graceful_shutdown as _;
use tokio_retry as _;

// An application.
use bore_cli as _;
