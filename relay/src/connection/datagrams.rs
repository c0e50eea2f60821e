use super::end::End;
use super::{Peer, rates};
use bytes::Bytes;
use isi_wire::DatagramHeader;
use quinn::{Connection, SendDatagramError};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Takes the peer's datagrams. Those above the rate are dropped.
pub(super) async fn read_datagrams(peer: Arc<Peer>) -> End {
    let mut rate = rates::datagrams(Instant::now());
    loop {
        let Ok(datagram) = peer.connection.read_datagram().await else { return End::lost() };
        if !rate.allows(Instant::now()) {
            continue;
        }
        let pushed =
            DatagramHeader::decode(datagram.clone()).map_err(End::from).and_then(|(header, _object)| {
                // Always small: copied, so that it does not pin the receive buffer.
                let datagram = peer.residence.hold(datagram);
                Ok(peer
                    .seat
                    .with(|session, now, from| session.push_datagram(now, from, header.alias, datagram))?)
            });
        if let Err(end) = pushed {
            return end;
        }
    }
}

type SendFuture = Pin<Box<dyn Future<Output = Result<(), SendDatagramError>> + Send>>;

/// Datagrams on their way to the receiver. quinn would drop the oldest silently when its buffer is full; the core counts what
/// it drops, so no more is taken from it until there is room.
#[derive(Default)]
pub(super) struct DatagramSender {
    waiting: Option<SendFuture>,
}

impl DatagramSender {
    /// Whether another one may be taken from the core.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_none()
    }

    /// Sends it, or has it wait; call [`poll`](Self::poll) afterwards.
    pub(super) fn send(&mut self, connection: &Connection, datagram: Bytes) {
        if connection.datagram_send_buffer_space() >= datagram.len() {
            // Too large for this receiver's path, or it takes none: worthless later, so dropped.
            let _ = connection.send_datagram(datagram);
        } else {
            let connection = connection.clone();
            self.waiting = Some(Box::pin(async move { connection.send_datagram_wait(datagram).await }));
        }
    }

    /// Has `cx` woken when the waiting one is sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        if self.waiting.as_mut().is_some_and(|send| matches!(send.as_mut().poll(cx), Poll::Ready(_))) {
            self.waiting = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::testing::connected;

    #[tokio::test]
    async fn no_datagram_is_lost_between_core_and_network() {
        const COUNT: u8 = 100;
        let (relay, receiver) = connected().await;
        let mut sender = DatagramSender::default();
        let (mut next, mut waited) = (0, 0);
        let send = std::future::poll_fn(|cx| {
            sender.poll(cx);
            while sender.has_room() && next < COUNT {
                sender.send(&relay, vec![next; 1000].into());
                sender.poll(cx);
                next += 1;
                waited += u8::from(!sender.has_room());
            }
            if sender.has_room() { Poll::Ready(()) } else { Poll::Pending }
        });
        let receive = async {
            for number in 0..COUNT {
                assert_eq!(receiver.read_datagram().await.unwrap(), vec![number; 1000]);
            }
        };
        tokio::join!(send, receive);
        assert!(waited > 0, "the buffer was never full");
    }
}
