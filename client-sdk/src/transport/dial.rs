use super::tls::client_crypto;
use super::window::SEND_WINDOW_BYTES;
use crate::error::{Disconnected, JoinError};
use crate::options::ConnectOptions;
use quinn::{ClientConfig, ConnectionError, Endpoint, TransportConfig, VarInt};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Beyond this silence the connection is lost.
const IDLE_MS_MAX: u32 = 10_000;
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Groups and the log that the relay may have open towards us.
const UNI_STREAMS_MAX: u32 = 256;
/// Unread bytes of one stream; a keyframe should fit.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Unread bytes of all streams.
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
const DATAGRAM_BUFFER_BYTES: usize = 128 * 1024;

/// A connection before the join.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) endpoint: Endpoint,
    pub(crate) connection: quinn::Connection,
}

/// Connects within the time of the options.
pub(crate) async fn dial(options: &ConnectOptions) -> Result<Dialled, JoinError> {
    let config = client_config(options)?;
    timeout(options.connect_timeout, connect(options, config)).await.unwrap_or(Err(JoinError::Unreachable))
}

async fn connect(options: &ConnectOptions, config: ClientConfig) -> Result<Dialled, JoinError> {
    let address = resolve(options).await?;
    let endpoint = options.endpoint.clone().map_or_else(|| bind(address), Ok)?;
    let connecting =
        endpoint.connect_with(config, address, options.url.host()).map_err(|_| JoinError::Unreachable)?;
    let connection = connecting.await.map_err(|error| explain(&error))?;
    Ok(Dialled { endpoint, connection })
}

fn bind(for_relay: SocketAddr) -> Result<Endpoint, JoinError> {
    let any = match for_relay {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Endpoint::client(SocketAddr::new(any, 0)).map_err(JoinError::Socket)
}

async fn resolve(options: &ConnectOptions) -> Result<SocketAddr, JoinError> {
    if let Some(address) = options.connect_addr {
        return Ok(address);
    }
    let addresses = tokio::net::lookup_host((options.url.host(), options.url.port())).await;
    addresses.ok().and_then(|mut addresses| addresses.next()).ok_or(JoinError::Unresolved)
}

fn client_config(options: &ConnectOptions) -> Result<ClientConfig, JoinError> {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_MS_MAX).into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        // Without, quinn completes a stream that it has begun, whatever the priority of others: input would wait for our own frames.
        .send_fairness(true)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES);
    let mut config = ClientConfig::new(Arc::new(client_crypto(&options.trust)?));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// TLS alerts (RFC 8446 section 6) arrive as QUIC codes 0x100 + alert (RFC 9001 section 4.8).
fn explain(error: &ConnectionError) -> JoinError {
    const ALERT_BASE: u64 = 0x100;
    const NO_COMMON_GROUND: [u64; 5] = [40, 47, 70, 71, 120];
    // 42 to 51: what a certificate can be refused for, its signature included; 113: no proof that it is not revoked.
    let alert = match error {
        ConnectionError::TransportError(error) => u64::from(error.code).checked_sub(ALERT_BASE),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code).checked_sub(ALERT_BASE),
        _ => None,
    };
    match (alert, error) {
        (Some(alert), _) if NO_COMMON_GROUND.contains(&alert) => JoinError::Incompatible,
        (Some(42..=51 | 113), ConnectionError::TransportError(error)) => {
            JoinError::Certificate(error.reason.clone())
        }
        (Some(_), _) | (None, ConnectionError::VersionMismatch) => JoinError::Incompatible,
        (None, ConnectionError::ApplicationClosed(_)) => {
            JoinError::Refused(Disconnected::from_connection(error))
        }
        (None, _) => JoinError::Unreachable,
    }
}
