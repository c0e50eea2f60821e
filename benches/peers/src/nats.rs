//! The NATS client protocol over TLS: one subject, one publisher, each receiver a connection with a subscription.

use crate::drive::Publisher;
use crate::plan::Plan;
use crate::tally::Tally;
use isi_load::stamp::Stamp;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const BUFFER_BYTES: usize = 256 * 1024;
/// The server may still be coming up.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Why nats-server could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NatsError {
    #[error("nats-server: {0}")]
    Io(#[from] io::Error),
    #[error("nats-server answered {0:?}")]
    Answer(String),
}

type Writer = Arc<Mutex<WriteHalf<TlsStream<TcpStream>>>>;
type Reader = BufReader<ReadHalf<TlsStream<TcpStream>>>;

/// Publishes each object as a message.
pub(crate) struct NatsPublisher(Writer);

impl Publisher for NatsPublisher {
    type Error = NatsError;

    async fn send(&mut self, object: &[u8]) -> Result<(), NatsError> {
        let mut writer = self.0.lock().await;
        let message = [format!("PUB f {}\r\n", object.len()).as_bytes(), object, b"\r\n"].concat();
        writer.write_all(&message).await?;
        Ok(writer.flush().await?)
    }
}

/// Connects all receivers, then the publisher.
pub(crate) async fn connect(
    address: SocketAddr,
    tls: ClientConfig,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<NatsPublisher, NatsError> {
    let connector = TlsConnector::from(Arc::new(tls));
    for _ in 0..plan.receivers {
        let (reader, writer) = open(address, &connector, "SUB f 1\r\n").await?;
        tokio::spawn(receive(reader, writer, Arc::clone(tally)));
    }
    let (reader, writer) = open(address, &connector, "").await?;
    // Answers the server's pings.
    tokio::spawn(receive(reader, Arc::clone(&writer), Arc::clone(tally)));
    Ok(NatsPublisher(writer))
}

async fn open(
    address: SocketAddr,
    connector: &TlsConnector,
    then: &str,
) -> Result<(Reader, Writer), NatsError> {
    let mut tcp = dial(address).await?;
    tcp.set_nodelay(true)?;
    // The server speaks first, in the clear: a line that begins with INFO.
    let mut byte = [0];
    while byte != *b"\n" {
        tcp.read_exact(&mut byte).await?;
    }
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let (read, mut write) = tokio::io::split(connector.connect(name, tcp).await?);
    let hello = r#"CONNECT {"verbose":false,"pedantic":false,"tls_required":true,"echo":false}"#;
    write.write_all(format!("{hello}\r\n{then}PING\r\n").as_bytes()).await?;
    write.flush().await?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, read);
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).await?;
        match line.trim_end() {
            "PONG" => return Ok((reader, Arc::new(Mutex::new(write)))),
            other if other.starts_with("INFO") => {}
            other => return Err(NatsError::Answer(other.to_owned())),
        }
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    for _ in 1..TRIES {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
    TcpStream::connect(address).await
}

/// Ends with the connection; what it lacked then is lost, and counted so.
async fn receive(mut reader: Reader, writer: Writer, tally: Arc<Tally>) -> Result<(), NatsError> {
    let (mut line, mut object) = (String::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let words = line.trim_end();
        if words == "PING" {
            let mut writer = writer.lock().await;
            writer.write_all(b"PONG\r\n").await?;
            writer.flush().await?;
        } else if let Some(message) = words.strip_prefix("MSG ") {
            let bytes = message.rsplit(' ').next().and_then(|bytes| bytes.parse::<usize>().ok());
            let bytes = bytes.ok_or_else(|| NatsError::Answer(words.to_owned()))?;
            object.resize(bytes + 2, 0);
            reader.read_exact(&mut object).await?;
            if let Some(stamp) = Stamp::read(&object) {
                tally.arrived(&stamp, bytes);
            }
        } else if words.starts_with("-ERR") {
            return Err(NatsError::Answer(words.to_owned()));
        }
    }
}
