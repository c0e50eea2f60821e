//! What the relay's admin listener and the system say about the relay.

use std::{collections::HashMap, io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{histogram::Percentiles, summary::RelayFigures};

/// Longest page accepted.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// The figures of a relay so far, without its CPU time. What it does not report stays `None`.
///
/// # Errors
/// When the listener does not answer.
pub async fn fetch(admin: SocketAddr) -> io::Result<RelayFigures> {
    Ok(parse(&get(admin, "/metrics").await?))
}

/// Ciphertext in the relay's memory now, in bytes; `None` when it does not tell.
pub async fn resident_bytes(admin: SocketAddr) -> Option<u64> {
    let page = get(admin, "/metrics").await.ok()?;
    let value = page.lines().find_map(|line| line.strip_prefix("isi_relay_resident_bytes "))?;
    value.trim().parse::<f64>().ok().map(|bytes| bytes as u64)
}

async fn get(admin: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.take(PAGE_BYTES_MAX).read_to_string(&mut page).await?;
    Ok(page)
}

fn parse(page: &str) -> RelayFigures {
    let values: HashMap<&str, f64> = page
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(k, v)| Some((k, v.parse().ok()?)))
        .collect();
    let value = |name: &str| values.get(name).copied();
    let quantile = |quantile: &str| value(&format!("isi_relay_residence_ms{{quantile=\"{quantile}\"}}"));
    RelayFigures {
        resident_bytes_max: value("isi_relay_resident_bytes_max").map(|bytes| bytes as u64),
        residence_ms: Percentiles { p50: quantile("0.5"), p99: quantile("0.99"), max: quantile("1") },
        cpu_ms: None,
    }
}

/// CPU time that all threads of a process have used, in milliseconds; `None` where the system does not tell.
#[must_use]
pub fn cpu_ms(pid: u32) -> Option<f64> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread may end between the two looks.
        let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) else { continue };
        nanoseconds += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_exposition_format() {
        let page = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n# TYPE isi_relay_resident_bytes_max gauge\n\
            isi_relay_resident_bytes_max 123456\nisi_relay_residence_ms{quantile=\"0.5\"} 1.25\n\
            isi_relay_residence_ms{quantile=\"0.99\"} 4\nisi_relay_residence_ms{quantile=\"1\"} 9.5\n";
        let figures = parse(page);
        assert_eq!(figures.resident_bytes_max, Some(123_456));
        assert_eq!(figures.residence_ms, Percentiles { p50: Some(1.25), p99: Some(4.0), max: Some(9.5) });
        assert_eq!(parse("nothing of the kind").resident_bytes_max, None);
    }

    #[test]
    fn the_names_are_those_that_the_relay_exposes() {
        let page = isi_relay::metrics::render(&isi_relay::NodeStats::default());
        let figures = parse(&page);
        assert!(figures.resident_bytes_max.is_some());
        assert!(figures.residence_ms.p50.is_some() && figures.residence_ms.max.is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_cpu_time() {
        let before = cpu_ms(std::process::id()).unwrap();
        let sum: u64 = (0..2_000_000_u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && cpu_ms(std::process::id()).unwrap() >= before);
        assert_eq!(cpu_ms(u32::MAX >> 1), None);
    }
}
