//! One participant of the demo: a process that takes orders on standard input and answers on standard output.

mod board;
mod drive;
mod events;
mod lease;
mod objects;
mod talk;

use std::{io::Write, sync::Arc, time::Duration};

use isi_client::{
    ConnectionKey, Credentials, InputSender, Lease, MemberIdentity, MemberKey, Padding, PanicSwitch, Session,
};

use tokio::{io::BufReader, sync::watch, task::JoinHandle};

use self::{board::Board, objects::ObjectStore};
use super::{
    pipe,
    protocol::{Entry, Note, Order, Plan, Sharing},
};
use crate::{
    clock::sleep_until_us,
    failure::{Exit, Failure},
    hex,
    live::{self, ScreenSettings, ScreenThread, Way},
    search::{Canary, CanaryKind},
};

/// Between two notes of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// How often and how long members, leases and codes are waited for.
const POLL: Duration = Duration::from_millis(25);
const POLLS_MAX: u32 = 800;
/// How long the last frame of a plan may take until it counts as sent.
const UNDER_WAY_US: u64 = 100_000;

/// Carries out orders until told to leave, or until standard input ends.
///
/// # Errors
/// What was told to the parent as well.
pub async fn run() -> Result<(), Failure> {
    let mut participant = Participant::new();
    let mut orders = BufReader::new(tokio::io::stdin());
    loop {
        let order =
            pipe::receive::<Order>(&mut orders).await.map_err(|error| Failure::of(Exit::Usage, &error))?;
        let Some(order) = order else { return Ok(()) }; // the parent is gone
        let leaving = matches!(order, Order::Leave);
        if let Err(failure) = participant.carry_out(order).await {
            tell(&Note::failed(&failure));
            return Err(failure);
        }
        if leaving {
            return Ok(());
        }
    }
}

/// Writes a note at once. Where the parent does not read any more, standard input tells.
fn tell(note: &Note) {
    let mut line = serde_json::to_vec(note).unwrap_or_default();
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    drop(output.write_all(&line).and_then(|()| output.flush()));
}

struct Participant {
    board: Arc<Board>,
    objects: Arc<ObjectStore>,
    keys: Option<(ConnectionKey, MemberKey)>,
    canaries: Vec<Canary>,
    subject: String,
    session: Option<Session>,
    lease: watch::Receiver<Option<Lease>>,
    lease_seen: Arc<watch::Sender<Option<Lease>>>,
    /// Organizer: ends the lease that was given.
    panic_switch: Option<PanicSwitch>,
    input: Option<InputSender>,
    driving: Option<JoinHandle<Option<InputSender>>>,
    screen: Option<std::sync::mpsc::Sender<live::ScreenOrder>>,
    spare_typing: bool,
}

impl Participant {
    fn new() -> Self {
        let (lease_seen, lease) = watch::channel(None);
        Self {
            board: Arc::default(),
            objects: Arc::default(),
            keys: None,
            canaries: Vec::new(),
            subject: String::new(),
            session: None,
            lease,
            lease_seen: Arc::new(lease_seen),
            panic_switch: None,
            input: None,
            driving: None,
            screen: None,
            spare_typing: false,
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Prepare { canaries } => self.prepare(&canaries),
            Order::Enter(entry) => self.enter(*entry).await,
            Order::Share(sharing) => self.share(sharing).await,
            Order::TellCode { members } => self.tell_code(members).await,
            Order::GrantLease { to } => self.grant_lease(&to).await,
            Order::TakeLease => self.take_lease().await,
            Order::TakeBack => self.take_back(),
            Order::Begin(plan) => self.begin(plan).await,
            Order::TellCiphertext => {
                tell(&Note::Ciphertext { pieces: self.objects.pieces() });
                Ok(())
            }
            Order::SearchObjects { needles } => self.search_objects(&needles),
            Order::WritePng { path } => self.write_png(&path).await,
            Order::Leave => {
                if let Some(session) = self.session.take() {
                    session.leave().await;
                }
                Ok(())
            }
        }
    }

    fn prepare(&mut self, kinds: &[CanaryKind]) -> Result<(), Failure> {
        let no_randomness = |error: &dyn std::error::Error| Failure::of(Exit::Usage, error);
        let canaries = kinds.iter().map(|kind| Canary::draw(*kind)).collect::<Result<Vec<_>, _>>();
        self.canaries = canaries.map_err(|error| no_randomness(&error))?;
        let connection = ConnectionKey::generate().map_err(|error| no_randomness(&error))?;
        let member = MemberKey::generate();
        tell(&Note::Prepared {
            connection_key: hex::encode(&connection.public_key()),
            member_thumbprint: member.thumbprint(),
            canaries: self.canaries.clone(),
        });
        self.keys = Some((connection, member));
        Ok(())
    }

    async fn enter(&mut self, entry: Entry) -> Result<(), Failure> {
        let (connection_key, member) = self.keys.take().ok_or_else(out_of_turn)?;
        let identity =
            MemberIdentity::new(member, entry.statement).map_err(|error| Failure::of(Exit::Usage, &error))?;
        let way = Way {
            relay: &entry.relay,
            connect_addr: entry.connect_addr,
            ca_pem: &entry.ca_pem,
            issuer_keys: &entry.jwks,
            invitation: entry.invitation.as_deref(),
            observer: Some(self.objects.observer()),
            padding: Padding::None,
            tokens: None,
            terms: live::Terms::default(),
        };
        let credentials = Credentials { token: entry.token, connection_key, identity };
        let (session, events) = live::enter(way, credentials).await?;
        self.subject = entry.subject;
        let invitation = match entry.invitation {
            Some(_) => None,
            None => Some(session.invite().await.map_err(|error| Failure::of(Exit::ChecksFailed, &error))?),
        };
        tokio::spawn(events::follow(
            events,
            session.clone(),
            self.subject.clone(),
            Arc::clone(&self.board),
            Arc::clone(&self.lease_seen),
        ));
        tokio::spawn(tell_progress(Arc::clone(&self.board)));
        self.session = Some(session);
        tell(&Note::Entered {
            invitation: invitation.map(|invitation| invitation.to_fragment().to_string()),
        });
        Ok(())
    }

    async fn share(&mut self, sharing: Sharing) -> Result<(), Failure> {
        let trailer =
            self.canary(CanaryKind::Frame).map(|canary| canary.bytes().to_vec()).unwrap_or_default();
        let settings = ScreenSettings { source: sharing.source, fps: sharing.fps, trailer, send_still: true };
        let board = Arc::clone(&self.board);
        let screen = ScreenThread::start(settings, move |applied| board.input_applied(applied));
        let screen = screen.await.map_err(|error| Failure::of(Exit::Display, &error))?;
        let publisher = self.session()?.publish_screen().await;
        let publisher = publisher.map_err(|error| Failure::of(Exit::ChecksFailed, &error))?;
        let board = Arc::clone(&self.board);
        let frames =
            live::share_frames(publisher, screen.frames, screen.orders.clone(), move |frame, bytes| {
                board.frame_sent(frame.captured_at_us, bytes);
            });
        let board = Arc::clone(&self.board);
        tokio::spawn(async move {
            if let Err(error) = frames.await {
                board.trouble(&format!("sharing ended: {error}"));
            }
        });
        self.spare_typing = screen.name == "x11";
        self.screen = Some(screen.orders);
        tell(&Note::Sharing { source: screen.name.to_owned(), size: screen.size });
        Ok(())
    }

    async fn tell_code(&self, members: u32) -> Result<(), Failure> {
        for _ in 0..POLLS_MAX {
            let present =
                self.session()?.members().await.map_err(|error| Failure::of(Exit::Relay, &error))?;
            if u32::try_from(present.len()).is_ok_and(|present| present >= members) {
                let code = self.session()?.session_code().await;
                let code = code.map_err(|error| Failure::of(Exit::Relay, &error))?;
                tell(&Note::Code { code: format!("{code} (epoch {})", code.epoch) });
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Failure::new(Exit::ChecksFailed, "not everybody came into the group", "run the demo again"))
    }

    async fn begin(&mut self, plan: Plan) -> Result<(), Failure> {
        if let Some(driving) = self.driving.take() {
            self.input = driving.await.ok().flatten();
        }
        self.board.set_window(plan.begin_us, plan.end_us);
        self.board.expect_lease_end(plan.ends_lease);
        let driving = plan.drive.clone().zip(self.input.take()).map(|(drive, input)| {
            let canary = self.canary(CanaryKind::TypedKeys).cloned();
            tokio::spawn(drive::drive(input, plan.clone(), drive, canary, Arc::clone(&self.board)))
        });
        let talking = talk::talk(self.session()?.clone(), self.speech(&plan), Arc::clone(&self.board));
        let talking = tokio::spawn(talking);
        let (board, end_us) = (Arc::clone(&self.board), plan.end_us);
        self.driving = Some(tokio::spawn(async move {
            let input = match driving {
                Some(driving) => driving.await.ok().flatten(),
                None => None,
            };
            drop(talking.await); // a panic in it would have been told on standard error
            sleep_until_us(end_us + UNDER_WAY_US).await;
            tell(&Note::Progress(Box::new(board.counts())));
            tell(&Note::Done);
            input
        }));
        Ok(())
    }

    fn speech(&self, plan: &Plan) -> talk::Speech {
        let text = |kind| self.canary(kind).map_or_else(String::new, |canary| canary.text().to_owned());
        talk::Speech {
            begin_us: plan.begin_us,
            end_us: plan.end_us,
            public: format!("from {}: {}", self.subject, text(CanaryKind::Message)),
            private: plan.private_to.clone().map(|to| {
                let private = talk::address(&to, &text(CanaryKind::PrivateMessage));
                (to, private)
            }),
        }
    }

    fn search_objects(&self, needles: &[String]) -> Result<(), Failure> {
        let needles: Vec<_> = needles.iter().filter_map(|needle| hex::decode(needle)).collect();
        let found = self.objects.search(&needles).map_err(|error| Failure::of(Exit::NotSearched, &error))?;
        tell(&Note::Objects(found));
        Ok(())
    }

    async fn write_png(&self, path: &std::path::Path) -> Result<(), Failure> {
        let picture = self.board.next_picture().await;
        let picture = picture
            .ok_or_else(|| Failure::new(Exit::ChecksFailed, "no picture arrived", "run the demo again"))?;
        crate::screen::write_png(&picture, path).map_err(|error| Failure::of(Exit::Usage, &error))?;
        tell(&Note::PngWritten);
        Ok(())
    }

    fn session(&self) -> Result<&Session, Failure> {
        self.session.as_ref().ok_or_else(out_of_turn)
    }

    fn canary(&self, kind: CanaryKind) -> Option<&Canary> {
        self.canaries.iter().find(|canary| canary.kind() == kind)
    }
}

async fn tell_progress(board: Arc<Board>) {
    loop {
        tokio::time::sleep(PROGRESS_EVERY).await;
        tell(&Note::Progress(Box::new(board.counts())));
    }
}

fn out_of_turn() -> Failure {
    Failure::new(Exit::Usage, "an order out of turn", "this command is for `isi demo` alone; run that")
}

fn missing(subject: &str) -> Failure {
    Failure::new(Exit::ChecksFailed, format!("member {subject} is not there"), "run the demo again")
}
