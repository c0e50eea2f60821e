//! A node's threads: as many as configured, and none once it has stopped. Alone in its process, so that they can be counted.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test this is the failure")]

use isi_account::Role;
use isi_testkit::{Relay, close_code, new_session};
use isi_wire::CloseCode;

fn worker_threads() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("isi-worker")).count()
}

#[tokio::test]
async fn a_stopped_node_leaves_no_thread() {
    let relay = Relay::start_with(|config| config.threads = 5);
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(relay.join(Role::Viewer, new_session()).await);
    }
    assert_eq!(worker_threads(), 5);
    relay.stop().await;
    assert_eq!(worker_threads(), 0);
    for client in clients {
        assert_eq!(close_code(&client.connection).await, CloseCode::Draining);
    }

    let alone = Relay::start();
    alone.join(Role::Viewer, new_session()).await;
    assert_eq!(worker_threads(), 0, "one thread is the caller's");
    alone.stop().await;
}
