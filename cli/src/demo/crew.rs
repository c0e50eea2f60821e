//! An organizer and viewers as processes, from their keys to their first frame.

use std::{net::SocketAddr, time::Duration};

use isi_account::{AccountKey, Role, StatementClaims, TokenClaims};
use isi_client::SessionId;

use super::{
    child::ParticipantProcess,
    protocol::{Entry, Note, ObjectSearch, Order, Plan, Sharing, TakenBack},
};
use crate::{
    clock::unix_s,
    failure::{Exit, Failure},
    hex, random,
    search::{Canary, CanaryKind},
};

/// How often codes are asked for again that differ because a membership change was under way.
const CODE_TRIES: u32 = 5;
/// How often and how long a first picture is waited for.
const SEE_POLL: Duration = Duration::from_millis(50);
const SEE_POLLS: u32 = 200;
/// The participant who drives: the first viewer.
pub const DRIVER: usize = 1;

/// What a crew needs to know about the world.
pub struct World {
    /// Signs tokens and statements.
    pub account: AccountKey,
    /// The relay's CA.
    pub ca_pem: String,
    /// The relay.
    pub relay: SocketAddr,
}

/// One participant and what the parent knows of it.
pub struct Hand {
    /// Its process.
    pub process: ParticipantProcess,
    /// The account's name for it.
    pub subject: String,
    connection_key: [u8; 32],
    member_thumbprint: String,
}

/// A canary and whose it is.
#[derive(Clone)]
pub struct Planted {
    /// Index of the participant that drew it.
    pub owner: usize,
    /// The bytes.
    pub canary: Canary,
}

/// The organizer, then the viewers.
pub struct Crew {
    /// All of them.
    pub hands: Vec<Hand>,
    /// Everything that was drawn.
    pub planted: Vec<Planted>,
}

impl Crew {
    /// Starts the processes and lets them make keys and canaries. Nothing has been sent anywhere yet.
    ///
    /// # Errors
    /// When a process cannot be started or does not do as told.
    pub async fn muster(viewers: usize, name: &str) -> Result<Self, Failure> {
        let mut crew = Self { hands: Vec::new(), planted: Vec::new() };
        for index in 0..=viewers {
            let name = if index == 0 { format!("organizer{name}") } else { format!("viewer {index}{name}") };
            crew.add(ParticipantProcess::start(name)?, index).await?;
        }
        Ok(crew)
    }

    async fn add(&mut self, mut process: ParticipantProcess, index: usize) -> Result<(), Failure> {
        process.order(&Order::Prepare { canaries: kinds_of(index) }).await?;
        let prepared = process.wait(|note| match note {
            Note::Prepared { connection_key, member_thumbprint, canaries } => {
                Some((hex::decode(connection_key)?, member_thumbprint.clone(), canaries.clone()))
            }
            _ => None,
        });
        let (connection_key, member_thumbprint, canaries) = prepared.await?;
        let connection_key = connection_key.try_into().map_err(|_| {
            Failure::new(
                Exit::ChecksFailed,
                "a participant has no public key",
                "use binaries of the same build",
            )
        })?;
        let subject = random::bytes::<8>().map_err(|error| Failure::of(Exit::Usage, &error))?;
        self.planted.extend(canaries.into_iter().map(|canary| Planted { owner: index, canary }));
        self.hands.push(Hand { process, subject: hex::encode(&subject), connection_key, member_thumbprint });
        Ok(())
    }

    /// Lets everybody into a new session, through `connect_addr` where there is one.
    ///
    /// # Errors
    /// When somebody does not get in.
    pub async fn enter(&mut self, world: &World, connect_addr: Option<SocketAddr>) -> Result<(), Failure> {
        let session = random::bytes().map(SessionId).map_err(|error| Failure::of(Exit::Usage, &error))?;
        let mut invitation = None;
        for (index, hand) in self.hands.iter_mut().enumerate() {
            let role = if index == 0 { Role::Organizer } else { Role::Viewer };
            let entry = entry_of(hand, world, session, role, connect_addr, invitation.clone())?;
            hand.process.order(&Order::Enter(Box::new(entry))).await?;
            if index == 0 {
                invitation = wait_entered(hand).await?;
            }
        }
        for hand in &mut self.hands[1..] {
            wait_entered(hand).await?;
        }
        Ok(())
    }

    /// Shares the organizer's screen and gives the driver the lease. Tells the source's name and size.
    ///
    /// # Errors
    /// When there is no such screen, or the lease does not come about.
    pub async fn share(&mut self, sharing: Sharing) -> Result<(String, (u16, u16)), Failure> {
        let driver = self.hands[DRIVER].subject.clone();
        let organizer = &mut self.hands[0].process;
        organizer.order(&Order::Share(sharing)).await?;
        let shared = organizer.wait(|note| match note {
            Note::Sharing { source, size } => Some((source.clone(), *size)),
            _ => None,
        });
        let shared = shared.await?;
        let is_lease = |note: &Note| matches!(note, Note::Lease).then_some(());
        organizer.order(&Order::GrantLease { to: driver }).await?;
        organizer.wait(is_lease).await?;
        self.hands[DRIVER].process.order(&Order::TakeLease).await?;
        self.hands[DRIVER].process.wait(is_lease).await?;
        Ok(shared)
    }

    /// Has the organizer take the lease back.
    ///
    /// # Errors
    /// When nobody has it, or it does not end.
    pub async fn take_back(&mut self) -> Result<TakenBack, Failure> {
        let organizer = &mut self.hands[0].process;
        organizer.order(&Order::TakeBack).await?;
        let taken = organizer.wait(|note| match note {
            Note::TakenBack(taken) => Some(*taken),
            _ => None,
        });
        taken.await
    }

    /// Waits until every viewer has decoded a picture; not for ever, since frames that never come are judged at the end.
    pub async fn wait_until_all_see(&self) {
        for _ in 0..SEE_POLLS {
            if self.hands[1..].iter().all(|hand| hand.process.counts().keyframes_decoded > 0) {
                return;
            }
            tokio::time::sleep(SEE_POLL).await;
        }
    }

    /// The session code, with its epoch, if everybody sees the same. Asks again while a membership change may be under way.
    ///
    /// # Errors
    /// When somebody does not answer.
    pub async fn codes_are_equal(&mut self) -> Result<Option<String>, Failure> {
        for _ in 0..CODE_TRIES {
            let codes = self.codes().await?;
            if codes.windows(2).all(|pair| pair[0] == pair[1]) {
                return Ok(codes.into_iter().next());
            }
        }
        Ok(None)
    }

    async fn codes(&mut self) -> Result<Vec<String>, Failure> {
        let members = u32::try_from(self.hands.len()).unwrap_or(u32::MAX);
        let mut codes = Vec::new();
        for hand in &mut self.hands {
            hand.process.order(&Order::TellCode { members }).await?;
            let code = |note: &Note| match note {
                Note::Code { code } => Some(code.clone()),
                _ => None,
            };
            codes.push(hand.process.wait(code).await?);
        }
        Ok(codes)
    }

    /// Begins a plan with everybody but `resting`; each gets a receiver for its private messages.
    ///
    /// # Errors
    /// When somebody is gone.
    pub async fn begin(&mut self, plan: &Plan, resting: Option<usize>) -> Result<(), Failure> {
        let subjects: Vec<String> = self.hands.iter().map(|hand| hand.subject.clone()).collect();
        for (index, hand) in self.hands.iter_mut().enumerate().filter(|(index, _)| Some(*index) != resting) {
            let mut plan = plan.clone();
            plan.private_to = Some(subjects[receiver_of(index, subjects.len())].clone());
            plan.drive = plan.drive.filter(|_| index == DRIVER);
            hand.process.order(&Order::Begin(plan)).await?;
        }
        Ok(())
    }

    /// Waits until everybody but `resting` has carried out the plan.
    ///
    /// # Errors
    /// When somebody is gone.
    pub async fn wait_done(&mut self, resting: Option<usize>) -> Result<(), Failure> {
        for (_, hand) in self.hands.iter_mut().enumerate().filter(|(index, _)| Some(*index) != resting) {
            hand.process.wait(|note| matches!(note, Note::Done).then_some(())).await?;
        }
        Ok(())
    }

    /// Pieces of ciphertext that a participant received last.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn ciphertext_of(&mut self, index: usize) -> Result<Vec<Vec<u8>>, Failure> {
        let process = &mut self.hands[index].process;
        process.order(&Order::TellCiphertext).await?;
        let pieces = process.wait(|note| match note {
            Note::Ciphertext { pieces } => {
                Some(pieces.iter().filter_map(|piece| hex::decode(piece)).collect())
            }
            _ => None,
        });
        pieces.await
    }

    /// Has everybody search the objects it received.
    ///
    /// # Errors
    /// When somebody is gone.
    pub async fn search_objects(&mut self, needles: &[Planted]) -> Result<Vec<ObjectSearch>, Failure> {
        let needles: Vec<String> =
            needles.iter().map(|planted| hex::encode(planted.canary.bytes())).collect();
        let mut found = Vec::new();
        for hand in &mut self.hands {
            hand.process.order(&Order::SearchObjects { needles: needles.clone() }).await?;
            let objects = |note: &Note| match note {
                Note::Objects(objects) => Some(objects.clone()),
                _ => None,
            };
            found.push(hand.process.wait(objects).await?);
        }
        Ok(found)
    }

    /// Lets everybody leave, and waits for the processes to end.
    pub async fn leave(self) {
        let mut ending = Vec::new();
        for mut hand in self.hands.into_iter().rev() {
            drop(hand.process.order(&Order::Leave).await); // gone already: as good
            ending.push(hand.process);
        }
        for process in ending {
            process.end().await;
        }
    }
}

/// Index of the participant to whom this one writes privately: the next one, so that others are third parties.
#[must_use]
pub const fn receiver_of(index: usize, participants: usize) -> usize {
    (index + 1) % participants
}

fn kinds_of(index: usize) -> Vec<CanaryKind> {
    let special = match index {
        0 => Some(CanaryKind::Frame),
        DRIVER => Some(CanaryKind::TypedKeys),
        _ => None,
    };
    special.into_iter().chain([CanaryKind::Message, CanaryKind::PrivateMessage]).collect()
}

fn entry_of(
    hand: &Hand,
    world: &World,
    session: SessionId,
    role: Role,
    connect_addr: Option<SocketAddr>,
    invitation: Option<String>,
) -> Result<Entry, Failure> {
    let cannot_sign =
        |error: isi_account::ClaimsError| Failure::new(Exit::Usage, error.to_string(), "run `isi doctor`");
    let now = unix_s();
    let token =
        TokenClaims::new(role, &world.relay.to_string(), session, &hand.subject, &hand.connection_key);
    let statement = StatementClaims::for_thumbprint(role, session, &hand.subject, &hand.member_thumbprint);
    Ok(Entry {
        relay: format!("isi://{}", world.relay),
        connect_addr,
        ca_pem: world.ca_pem.clone(),
        jwks: world.account.jwks().to_json().to_owned(),
        token: world.account.sign_token(&token, now).map_err(cannot_sign)?,
        statement: world.account.sign_statement(&statement, now).map_err(cannot_sign)?,
        subject: hand.subject.clone(),
        invitation,
    })
}

async fn wait_entered(hand: &mut Hand) -> Result<Option<String>, Failure> {
    let entered = hand.process.wait(|note| match note {
        Note::Entered { invitation } => Some(invitation.clone()),
        _ => None,
    });
    entered.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_planted_and_private_messages_have_third_parties() {
        let kinds: Vec<CanaryKind> = (0..3).flat_map(kinds_of).collect();
        assert!(CanaryKind::ALL.iter().all(|kind| kinds.contains(kind)));
        for participants in 3..6 {
            for index in 0..participants {
                assert_ne!(receiver_of(index, participants), index);
            }
        }
    }
}
