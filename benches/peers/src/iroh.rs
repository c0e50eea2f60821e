//! iroh-relay by its own client: packets from one endpoint to another over WebSocket and TLS. The sender makes the copies.

use crate::drive::Publisher;
use crate::pieces::{Whole, cut};
use crate::plan::Plan;
use crate::tally::Tally;
use iroh_base::{EndpointId, RelayUrl, SecretKey};
use iroh_dns::dns::DnsResolver;
use iroh_relay::client::{Client, ClientBuilder, ClientSink, ClientStream};
use iroh_relay::protos::relay::{ClientToRelayMsg, Datagrams, RelayToClientMsg};
use n0_future::{SinkExt, StreamExt};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Its packets have at most 64 KiB with all that stands before them.
const PIECE_BYTES: usize = 33 * 1024;
/// The server may still be coming up.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Why iroh-relay could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IrohError {
    #[error("iroh-relay's address: {0}")]
    Url(String),
    #[error("iroh-relay: {0}")]
    Connect(String),
    #[error("iroh-relay did not take a packet: {0}")]
    Send(String),
}

/// Sends each object to each receiver.
pub(crate) struct IrohPublisher {
    sink: ClientSink,
    receivers: Vec<EndpointId>,
}

impl Publisher for IrohPublisher {
    type Error = IrohError;

    async fn send(&mut self, object: &[u8]) -> Result<(), IrohError> {
        for piece in cut(object, PIECE_BYTES) {
            let datagrams = Datagrams::from(piece);
            for receiver in &self.receivers {
                let message =
                    ClientToRelayMsg::Datagrams { dst_endpoint_id: *receiver, datagrams: datagrams.clone() };
                self.sink.feed(message).await.map_err(|error| IrohError::Send(error.to_string()))?;
            }
        }
        self.sink.flush().await.map_err(|error| IrohError::Send(error.to_string()))
    }
}

/// Connects all receivers, then the sender.
pub(crate) async fn connect(
    address: SocketAddr,
    tls: &ClientConfig,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<IrohPublisher, IrohError> {
    let mut receivers = Vec::with_capacity(plan.receivers);
    for _ in 0..plan.receivers {
        let key = SecretKey::generate();
        receivers.push(key.public());
        let (stream, sink) = dial(address, tls, key).await?.split();
        tokio::spawn(receive(stream, sink, Arc::clone(tally)));
    }
    let (stream, sink) = dial(address, tls, SecretKey::generate()).await?.split();
    tokio::spawn(drain(stream));
    Ok(IrohPublisher { sink, receivers })
}

async fn dial(address: SocketAddr, tls: &ClientConfig, key: SecretKey) -> Result<Client, IrohError> {
    let url: RelayUrl = format!("https://localhost:{}", address.port())
        .parse()
        .map_err(|error| IrohError::Url(format!("{error}")))?;
    let mut last = None;
    for _ in 0..TRIES {
        let builder = ClientBuilder::new(url.clone(), key.clone(), DnsResolver::new());
        match builder.tls_client_config(tls.clone()).connect().await {
            Ok(client) => return Ok(client),
            Err(error) => last = Some(error.to_string()),
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    Err(IrohError::Connect(last.unwrap_or_default()))
}

async fn receive(mut stream: ClientStream, mut sink: ClientSink, tally: Arc<Tally>) {
    let mut whole = Whole::default();
    while let Some(Ok(message)) = stream.next().await {
        match message {
            RelayToClientMsg::Datagrams { datagrams, .. } => whole.push(&datagrams.contents, &tally),
            RelayToClientMsg::Ping(data) => drop(sink.send(ClientToRelayMsg::Pong(data)).await),
            _ => {}
        }
    }
}

/// What comes back to the sender is of no interest.
async fn drain(mut stream: ClientStream) {
    while stream.next().await.is_some() {}
}
