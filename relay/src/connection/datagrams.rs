use super::end::End;
use super::{Peer, rates};
use isi_wire::DatagramHeader;
use std::sync::Arc;
use std::time::Instant;

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
