//! The kit's own relays, each as a process: `duel serve KIND`.

use super::error::DuelError;
use crate::floor::{self, BatchSocket};
use crate::stock;
use clap::{Args, ValueEnum};
use isi_load::client::grow_buffers;
use isi_relay::tls::{TlsConfig, server_crypto};
use isi_wire::ALPN;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    AckFrequencyConfig, Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What `duel serve` is told. The kit tells it itself.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Which relay.
    kind: Kind,
    /// Its certificate, PEM.
    #[arg(long)]
    certificate: PathBuf,
    /// Its private key, PEM.
    #[arg(long)]
    private_key: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// quinn's default transport settings.
    Stock,
    /// Our transport settings.
    StockTuned,
    /// UDP and AES-128-GCM in the largest batches.
    Floor,
    /// The same in quinn's batches.
    #[value(name = "floor-10")]
    Floor10,
}

/// Packets that quinn sends at once.
const QUINN_BATCH_PACKETS_MAX: usize = 10;

/// Serves until standard input closes.
///
/// # Errors
/// [`DuelError::System`]
pub fn serve(args: &ServeArgs) -> Result<(), DuelError> {
    let failed = |source| DuelError::System { what: "serve", source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let served = runtime.block_on(async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        grow_buffers(&socket);
        let address = socket.local_addr()?;
        tokio::select! {
            served = forward(args, socket, address) => served,
            () = stdin_closed() => Ok(()),
        }
    });
    served.map_err(failed)
}

async fn forward(args: &ServeArgs, socket: UdpSocket, address: SocketAddr) -> io::Result<()> {
    let batch_packets_max = match args.kind {
        Kind::Stock | Kind::StockTuned => {
            let endpoint = endpoint(args, socket, address)?;
            announce(address)?;
            stock::run(endpoint).await;
            return Ok(());
        }
        Kind::Floor => floor::BATCH_PACKETS_MAX,
        Kind::Floor10 => QUINN_BATCH_PACKETS_MAX,
    };
    let socket = BatchSocket::new(socket, batch_packets_max)?;
    announce(address)?;
    floor::run(socket).await
}

fn endpoint(args: &ServeArgs, socket: UdpSocket, address: SocketAddr) -> io::Result<Endpoint> {
    let tls = TlsConfig::from_files(args.certificate.clone(), args.private_key.clone());
    let mut tls = server_crypto(&tls, &[address]).map_err(io::Error::other)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config =
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).map_err(io::Error::other)?));
    if args.kind == Kind::StockTuned {
        config.transport_config(Arc::new(tuned()));
    }
    Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))
}

/// The settings of our relay, as far as a forwarder with a stream per frame can have them: its streams live shortly, so it is
/// given more of them. Our relay's send window follows the path up to this size.
fn tuned() -> TransportConfig {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(1452);
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(24)).max_ack_delay(Some(Duration::from_millis(8)));
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(VarInt::from_u32(256))
        .stream_receive_window(VarInt::from_u32(512 * 1024))
        .receive_window(VarInt::from_u32(65 * 512 * 1024))
        .send_window(768 * 1024)
        .send_fairness(true)
        .ack_frequency_config(Some(acks))
        .mtu_discovery_config(Some(mtu))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(15_000))))
        .keep_alive_interval(Some(Duration::from_secs(5)));
    transport
}

/// One line for whoever waits for it, at once.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{{\"event\": \"ready\", \"address\": \"{address}\"}}")?;
    out.flush()
}

async fn stdin_closed() {
    let (closed, until_closed) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: a read of standard input cannot be cancelled, and it ends with the process.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(closed);
    });
    let _ = until_closed.await;
}
