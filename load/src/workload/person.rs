use super::out::Out;
use super::people::{Role, sender_index, sender_number, sender_of, subscriptions};
use super::sender::Sender;
use super::slow::{self, Slow};
use super::tally::Tally;
use super::window::Window;
use super::{Kind, Part, Sessions, Workload};
use crate::client::{
    Attendance, Attending, Client, ClientError, Dialler, GroupSender, LiveSender, LogSender, Payload, Sink,
    receive, receive_datagrams,
};
use crate::clock::monotonic_ns;
use crate::latency::Latency;
use crate::stamp::Stamp;
use isi_wire::{Audience, DeliveryClass, ParticipantId, TrackAlias, TrackInfo};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::task::JoinSet;

/// What everybody in this process shares.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) dialler: Arc<Dialler>,
    pub(super) load: Workload,
    pub(super) sessions: Sessions,
    pub(super) tallies: Vec<Tally>,
    pub(super) joins: Mutex<Latency>,
    pub(super) resets: Mutex<BTreeMap<u64, u64>>,
    pub(super) counts: Counts,
    pub(super) ended: Mutex<Option<ClientError>>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) subscribed: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) log_gaps: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lost_people: AtomicU64,
    pub(super) reconnects: AtomicU64,
    pub(super) slow_objects: AtomicU64,
}

/// What the people of one session share, as far as they are in this process.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) session: u32,
    /// For each part, for each sender in its order.
    windows: Vec<Vec<Arc<Window>>>,
    /// The first presenter, when it is in.
    driven: OnceLock<ParticipantId>,
    /// Bytes that all receivers together have got.
    pub(super) delivered_bytes: AtomicU64,
}

/// Somebody in a session; dropped, it leaves.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) senders: Vec<Sender>,
    /// How many subscriptions it will have.
    pub(super) subscriptions: u64,
    _attendance: Option<Attendance>,
    /// What it does beside; ends with it.
    _tasks: JoinSet<()>,
}

impl Run {
    pub(super) fn new(dialler: Arc<Dialler>, load: Workload, sessions: Sessions) -> Self {
        let tallies = load.parts.iter().map(|_| Tally::default()).collect();
        Self {
            dialler,
            load,
            sessions,
            tallies,
            joins: Mutex::default(),
            resets: Mutex::default(),
            counts: Counts::default(),
            ended: Mutex::default(),
        }
    }

    /// Joins one session, and notes how long it took.
    pub(super) async fn join(&self, session: u32) -> Result<Client, ClientError> {
        let began_ns = monotonic_ns();
        let client = self.dialler.join(self.sessions.id(session)).await?;
        let took_ns = monotonic_ns() - began_ns;
        self.joins.lock().unwrap_or_else(PoisonError::into_inner).record_ns(took_ns);
        Ok(client)
    }
}

impl Room {
    pub(super) fn new(load: &Workload, session: u32) -> Self {
        let window = |part: &Part| Arc::new(Window::new(load.people(), load.due(part)));
        let windows = |part: &Part| match part.pace.per_second() {
            None => (0..part.senders).map(|_| window(part)).collect(),
            Some(_) => Vec::new(),
        };
        let windows = load.parts.iter().map(windows).collect();
        Self { session, windows, driven: OnceLock::new(), delivered_bytes: AtomicU64::new(0) }
    }

    fn window(&self, part: usize, index: u32) -> Option<&Arc<Window>> {
        self.windows.get(part)?.get(usize::try_from(index).ok()?)
    }
}

/// Brings somebody in, with all it publishes.
pub(super) async fn enter(run: &Arc<Run>, room: &Arc<Room>, person: u32) -> Result<Person, ClientError> {
    let role = Role::of(&run.load, person);
    let mut tasks = JoinSet::new();
    if let Role::Slow(number) = role
        && run.load.slow.get(number) == Some(&Slow::Reconnecting)
    {
        tasks.spawn(slow::reconnect(Arc::clone(run), room.session));
        return Ok(Person { senders: Vec::new(), subscriptions: 0, _attendance: None, _tasks: tasks });
    }
    let mut client = run.join(room.session).await?;
    if person == 0 {
        // Nobody else is person 0.
        let _ = room.driven.set(client.participant());
    }
    let (senders, keyframes) = publish(run, room, person, &mut client).await?;
    let own = client.participant();
    let attendance = client.attend(Arc::new(Watch { role, run: Arc::clone(run), keyframes }));
    let connection = attendance.connection().clone();
    match role {
        Role::Slow(number) => {
            if run.load.slow.get(number) == Some(&Slow::Tenth) {
                tasks.spawn(slow::receive_tenth(connection, Arc::clone(run), Arc::clone(room)));
            }
        }
        Role::Presenter | Role::Receiver => {
            let ears = Arc::new(Ears { person, role, run: Arc::clone(run), room: Arc::clone(room) });
            if run.load.parts.iter().any(|part| part.kind.class() == DeliveryClass::Live) {
                tasks.spawn(receive_datagrams(connection.clone(), Arc::clone(&ears)));
            }
            tasks.spawn(receive(connection, own, ears));
        }
    }
    let subscriptions = subscriptions(&run.load, person);
    Ok(Person { senders, subscriptions, _attendance: Some(attendance), _tasks: tasks })
}

type Keyframes = Vec<(TrackAlias, Arc<AtomicBool>)>;

async fn publish(
    run: &Arc<Run>,
    room: &Room,
    person: u32,
    client: &mut Client,
) -> Result<(Vec<Sender>, Keyframes), ClientError> {
    let (mut senders, mut keyframes) = (Vec::new(), Vec::new());
    for (number, part) in run.load.parts.iter().enumerate() {
        let Some(index) = sender_index(&run.load, number, person) else { continue };
        let keyframe = Arc::new(AtomicBool::new(false));
        let out = open(part, room, client, &keyframe, &mut keyframes).await?;
        let all = f64::from(run.load.sessions) * f64::from(part.senders);
        let bytes = usize::try_from(part.bytes).unwrap_or(usize::MAX);
        let position = f64::from(room.session) * f64::from(part.senders) + f64::from(index);
        senders.push(Sender {
            out,
            payload: Payload::new(bytes),
            pace: part.pace,
            part: number,
            number: sender_number(&run.load, number, room.session, index),
            window: room.window(number, index).cloned(),
            keyframe,
            phase: position / all.max(1.0),
        });
    }
    Ok((senders, keyframes))
}

async fn open(
    part: &Part,
    room: &Room,
    client: &mut Client,
    keyframe: &Arc<AtomicBool>,
    keyframes: &mut Keyframes,
) -> Result<Out, ClientError> {
    if part.kind == Kind::Chat {
        return Ok(Out::Log(LogSender::open(client.connection()).await?));
    }
    let audience = match part.kind {
        Kind::Input => Audience::One(*room.driven.get().ok_or(ClientError::Protocol)?),
        _ => Audience::Everyone,
    };
    let class = part.kind.class();
    let alias = client.publish(part.kind.track(), class, audience).await?;
    keyframes.push((alias, Arc::clone(keyframe)));
    let connection = client.connection().clone();
    Ok(match class {
        DeliveryClass::Live => Out::Live(LiveSender::new(connection, alias)),
        _ => Out::Groups(GroupSender::new(connection, alias, class)),
    })
}

/// Hears what the relay says to one.
struct Watch {
    role: Role,
    run: Arc<Run>,
    keyframes: Keyframes,
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

impl Attending for Watch {
    fn wants(&self, track: &TrackInfo) -> bool {
        self.role.wants(track)
    }

    fn subscribed(&self) {
        add(&self.run.counts.subscribed, 1);
    }

    fn keyframe_wanted(&self, alias: TrackAlias) {
        let wanted = self.keyframes.iter().filter(|(own, _)| *own == alias);
        wanted.for_each(|(_, keyframe)| keyframe.store(true, Ordering::Relaxed));
    }

    fn refused(&self) {
        add(&self.run.counts.refused, 1);
    }

    fn dropped(&self, count: u32) {
        if !matches!(self.role, Role::Slow(_)) {
            add(&self.run.counts.dropped, u64::from(count));
        }
    }

    fn log_gap(&self, entries: u64) {
        if !matches!(self.role, Role::Slow(_)) {
            add(&self.run.counts.log_gaps, entries);
        }
    }

    fn ended(&self, error: ClientError) {
        add(&self.run.counts.lost_people, 1);
        self.run.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Gets what is sent to one.
struct Ears {
    person: u32,
    role: Role,
    run: Arc<Run>,
    room: Arc<Room>,
}

impl Sink for Ears {
    fn object(&self, stamp: &Stamp, bytes: usize) {
        let Some((part, index)) = sender_of(&self.run.load, stamp.sender) else { return };
        if let Some(tally) = self.run.tallies.get(part) {
            tally.arrived(stamp, bytes);
        }
        if let Some(window) = self.room.window(part, index) {
            window.arrived(self.person, stamp.sequence);
        }
        if self.role == Role::Receiver {
            add(&self.room.delivered_bytes, bytes as u64);
        }
    }

    fn reset(&self, code: u64) {
        *self.run.resets.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }
}
