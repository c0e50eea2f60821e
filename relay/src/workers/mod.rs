//! The node's threads. The one that calls [`run`](crate::Node::run) owns the socket, reads it and routes what comes by
//! connection. Workers serve the sessions: a session lives on one of them with every task of its connections, so that nothing
//! of it is ever waited for by another core. With one thread there are no workers: everything runs where the node was bound.
//!
//! All workers share the socket. So a connection is found by its id alone, whatever address its peer has by now.

mod companion;
mod gate;
mod line;
mod roaming;
mod threads;

pub(crate) use self::line::{Line, Pace, Urgency, Urgent, pace, take_look_at_socket};
pub(crate) use self::roaming::{Home, accept, new_timer, spawn_driver};
pub(crate) use self::threads::Threads;

use self::gate::Unseen;
use self::line::SocketReader;
use crate::stats::WorkerStats;
use quinn::AsyncUdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::runtime::Handle;

/// The places where sessions can live: at least one. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Workers(Arc<Crew>);

#[derive(Debug)]
struct Crew {
    first: Arc<Worker>,
    others: Vec<Arc<Worker>>,
    next_handshake: AtomicUsize,
    next_session: AtomicUsize,
    /// `None` when the thread that reads the socket is also the one that works.
    unseen: Option<Arc<Unseen>>,
}

/// One place where sessions live: a runtime with one thread.
#[derive(Debug)]
pub(crate) struct Worker {
    index: usize,
    runtime: Handle,
    line: Arc<Line>,
    load: Load,
}

/// What a worker has to do. Figures, and what new sessions are placed by.
#[derive(Debug, Default)]
struct Load {
    sessions: AtomicU64,
    participants: AtomicU64,
    connections: AtomicU64,
}

impl Workers {
    /// Everything where the caller is. Needs a tokio runtime.
    pub(crate) fn here() -> Self {
        Self::new(Handle::current(), Vec::new(), None)
    }

    /// One for each of these runtimes, which are other threads than the one that reads the socket.
    fn elsewhere(first: Handle, others: Vec<Handle>) -> Self {
        let unseen = Unseen::by([&first].into_iter().chain(&others));
        Self::new(first, others, Some(unseen))
    }

    fn new(first: Handle, others: Vec<Handle>, unseen: Option<Arc<Unseen>>) -> Self {
        let worker = |(index, runtime)| {
            Arc::new(Worker { index, runtime, line: Arc::default(), load: Load::default() })
        };
        Self(Arc::new(Crew {
            first: worker((0, first)),
            others: (1..).zip(others).map(worker).collect(),
            next_handshake: AtomicUsize::new(0),
            next_session: AtomicUsize::new(0),
            unseen,
        }))
    }

    /// The socket, read only as fast as these workers work off what was read.
    pub(crate) fn gate(&self, socket: Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> {
        match &self.0.unseen {
            Some(unseen) => unseen.gate(socket),
            None => socket,
        }
    }

    /// Runs the task that reads the socket, here.
    pub(crate) fn spawn_socket_reader(&self, reader: impl Future<Output = ()> + Send + Unpin + 'static) {
        match self.0.unseen {
            Some(_) => drop(tokio::spawn(reader)),
            // It takes its turns among the tasks of sessions.
            None => drop(tokio::spawn(SocketReader::new(&self.0.first.line, reader))),
        }
    }

    /// Where the next handshake is done. It costs more than anything else of a join, and nobody knows yet which session it
    /// is for: each in turn.
    pub(crate) fn for_handshake(&self) -> &Arc<Worker> {
        self.get(self.0.next_handshake.fetch_add(1, Ordering::Relaxed))
    }

    /// Where the next session is to live: with the fewest participants, each in turn when they have as many.
    pub(crate) fn for_session(&self) -> Arc<Worker> {
        let turn = self.0.next_session.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..self.count()).map(|step| self.get(turn.wrapping_add(step)));
        let least = in_turn.min_by_key(|worker| worker.load.participants.load(Ordering::Relaxed));
        Arc::clone(least.unwrap_or(&self.0.first))
    }

    /// What each of them has to do.
    pub(crate) fn stats(&self) -> Vec<WorkerStats> {
        (0..self.count()).map(|index| self.get(index).stats()).collect()
    }

    fn count(&self) -> usize {
        1 + self.0.others.len()
    }

    /// Counted around.
    fn get(&self, index: usize) -> &Arc<Worker> {
        match index % self.count() {
            0 => &self.0.first,
            index => self.0.others.get(index - 1).unwrap_or(&self.0.first),
        }
    }
}

impl Worker {
    /// Starts a task on this worker. A worker that has stopped drops it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
    }

    /// Its tasks.
    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(crate) fn session_began(&self) {
        self.load.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn session_ended(&self) {
        self.load.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn participant_entered(&self) {
        self.load.participants.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn participant_left(&self) {
        self.load.participants.fetch_sub(1, Ordering::Relaxed);
    }

    fn stats(&self) -> WorkerStats {
        WorkerStats {
            sessions: self.load.sessions.load(Ordering::Relaxed),
            participants: self.load.participants.load(Ordering::Relaxed),
            connections: self.load.connections.load(Ordering::Relaxed),
            tasks: self.runtime.metrics().num_alive_tasks() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexes<'a>(workers: impl IntoIterator<Item = &'a Arc<Worker>>) -> Vec<usize> {
        workers.into_iter().map(|worker| worker.index).collect()
    }

    #[tokio::test]
    async fn handshakes_take_turns_and_sessions_go_where_the_fewest_are() {
        let here = Handle::current;
        let workers = Workers::new(here(), vec![here(), here()], None);
        assert_eq!(indexes((0..6).map(|_| workers.for_handshake())), [0, 1, 2, 0, 1, 2]);
        assert_eq!(indexes(&[(); 6].map(|()| workers.for_session())), [0, 1, 2, 0, 1, 2]);
        workers.get(0).participant_entered();
        workers.get(1).participant_entered();
        assert_eq!(indexes(&[(); 3].map(|()| workers.for_session())), [2, 2, 2]);
        workers.get(2).participant_entered();
        workers.get(2).participant_entered();
        assert_eq!(indexes(&[(); 4].map(|()| workers.for_session())), [0, 1, 0, 0]);
        workers.get(2).participant_left();
        workers.get(2).participant_left();
        assert_eq!(indexes(&[workers.for_session()]), [2]);
    }
}
