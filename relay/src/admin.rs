//! `GET /metrics` and `GET /healthz` for the operator's own tools, on loopback.

use crate::{Monitor, metrics};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Clients served at a time; the next ones wait in the listener's queue.
const CLIENTS_MAX: usize = 16;
/// Whole life of a client's connection: one request, its head included.
const CLIENT_MS_MAX: u64 = 5_000;
/// Longest request head. Longer ones are answered 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Rest after a failed accept, for example without free file descriptors.
const ACCEPT_RETRY_MS: u64 = 100;

/// The operator's TCP listener.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    local_addr: SocketAddr,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Without authentication the figures stay on the host.
    #[error(
        "`admin.address` is {address}, which others reach; use a loopback address, and a proxy where it must be reached"
    )]
    NotLoopback {
        /// The address of the configuration.
        address: SocketAddr,
    },
    /// The socket was refused.
    #[error("cannot bind TCP {address} for `admin.address`: {source}; is another relay running there?")]
    Bind {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl AdminServer {
    /// Binds the listener; port 0 lets the system choose. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`AdminError`]; nothing was left behind.
    pub async fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        if !address.ip().is_loopback() {
            return Err(AdminError::NotLoopback { address });
        }
        let bind_error = |source| AdminError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let local_addr = listener.local_addr().map_err(bind_error)?;
        Ok(Self { listener, local_addr })
    }

    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves for as long as it is polled; drop it to stop.
    pub async fn serve(self, monitor: Monitor) -> Infallible {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            // Never closed, so it always gives a place.
            let place = Arc::clone(&places).acquire_owned().await;
            match self.listener.accept().await {
                Ok((stream, _peer)) => {
                    let monitor = monitor.clone();
                    tokio::spawn(async move {
                        serve_client(stream, monitor).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "admin listener cannot accept");
                    sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                }
            }
        }
    }
}

async fn serve_client(stream: TcpStream, monitor: Monitor) {
    let service = service_fn(|request| {
        let response = answer(&request, &monitor);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    let connection =
        http.keep_alive(false).max_buf_size(HEAD_BYTES_MAX).serve_connection(TokioIo::new(stream), service);
    // Whether a client got its answer is the client's concern.
    let _ = timeout(Duration::from_millis(CLIENT_MS_MAX), connection).await;
}

fn answer(request: &Request<Incoming>, monitor: &Monitor) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match request.uri().path() {
        "/metrics" => {
            let mut page = text(StatusCode::OK, metrics::render(&monitor.stats()));
            page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
            page
        }
        "/healthz" => text(StatusCode::OK, "ok\n".into()),
        _ => text(StatusCode::NOT_FOUND, "there is /metrics and /healthz\n".into()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
