//! One peer's connection, from its first packet to its last: the handshake, then one task per direction and kind. Whatever
//! a peer does, only its own connection ends.

mod control;
mod datagrams;
mod end;
mod finished;
mod frames;
mod handshake;
mod ingress;
mod lanes;
mod opening;
mod outgoing;
mod path;
mod rates;
#[cfg(test)]
mod testing;
mod writer;

use self::end::End;
use self::handshake::{Entered, shake_hands};
use crate::node::{Place, Shared};
use crate::resident::Residence;
use crate::room::Seat;
use crate::workers::{self, Home};
use isi_wire::CloseCode;
use quinn::{Connection, Incoming};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What the tasks of a connection share.
struct Peer {
    connection: Connection,
    seat: Seat,
    /// Where quinn's part of the connection runs.
    home: Home,
    residence: Residence,
    /// There is one log stream per connection.
    log_taken: AtomicBool,
}

/// Lets one peer in, on whatever worker this is, and has it served to its end where its session lives.
pub(crate) async fn serve(node: Arc<Shared>, incoming: Incoming, place: Place) {
    // The time covers TLS too. A peer that does not finish it is not told: it would not understand.
    let Place { handshake, connection: place } = place;
    let began = tokio::time::Instant::now();
    let Ok((connecting, home)) = workers::accept(&node.workers, incoming) else { return };
    let Ok(Ok(connection)) = timeout(node.join_timeout, connecting).await else { return };
    let rest = node.join_timeout.saturating_sub(began.elapsed());
    let entered = match timeout(rest, shake_hands(&node, &connection)).await {
        Ok(entered) => entered,
        Err(_elapsed) => Err(End::violation(CloseCode::JoinTimeout)),
    };
    drop(handshake);
    match entered {
        Ok(entered) => {
            let seat = entered.seat.clone();
            home.move_to(seat.worker(), seat.urgency());
            // A task of its own even if it stays here: what the handshake needed is not kept for as long as the peer stays.
            seat.worker().spawn(serve_member(node, connection, entered, home, place));
        }
        Err(end) => {
            end.close(&connection);
            node.counters.refused(end.code);
        }
    }
}

/// `_place` is the connection's among all that there may be.
async fn serve_member(
    node: Arc<Shared>,
    connection: Connection,
    entered: Entered,
    home: Home,
    _place: OwnedSemaphorePermit,
) {
    let Entered { seat, admitted, control, frames, joined } = entered;
    node.counters.entered();
    let session = admitted.session;
    let peer = Arc::new(Peer {
        connection: connection.clone(),
        seat: seat.clone(),
        home,
        residence: node.residence.clone(),
        log_taken: AtomicBool::new(false),
    });
    let mut tasks = JoinSet::new();
    let (tell, writer_ended) = oneshot::channel();
    let writer = writer::write_to_receiver(connection.clone(), seat.clone(), control, joined);
    let home = peer.home.clone();
    if let Err(alone) = home.run_beside(async {
        let _ = tell.send(writer.await);
    }) {
        tasks.spawn(async {
            alone.await;
            std::future::pending().await
        });
    }
    tasks.spawn(control::serve_control(Arc::clone(&peer), frames, Arc::clone(&node.admission), admitted));
    tasks.spawn(ingress::accept_streams(Arc::clone(&peer)));
    tasks.spawn(datagrams::read_datagrams(peer));
    let end = tokio::select! {
        biased;
        // It closes the connection itself, and then the others end too.
        ended = writer_ended => ended.ok(),
        ended = tasks.join_next() => ended.and_then(Result::ok),
    };
    // A panic of ours: this peer goes, the others stay.
    let end = end.unwrap_or(End::violation(CloseCode::Internal));
    let end = end.seen_from(&connection);
    end.close(&connection);
    // Before the seat is given up, so that no task works for somebody who is gone.
    home.dismiss();
    tasks.shutdown().await;
    node.sessions.leave(session, &seat, end.reason);
    node.counters.left(end.code);
}
