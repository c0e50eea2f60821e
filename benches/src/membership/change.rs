use super::Ledger;
use isi_e2ee::{Group, JoinRequestRefused, LeafIndex, MonotonicMs, PendingMember, Staged};
use isi_load::clock::thread_cpu_ns;
use isi_load::membership::{Crowd, CrowdError};
use std::time::Duration;

const AT: MonotonicMs = MonotonicMs(0);
/// Who comes and goes.
const GUEST: &str = "guest";
/// Who has lost its state and comes back: a swap of its leaf.
const LOST: &str = "crowd-5";

/// A change of membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// So many come in by one commit.
    Join(usize),
    /// A member proposes to leave, and an organizer removes it.
    Leave,
    /// An organizer removes a member.
    Remove,
    /// A member's own fresh keys.
    Update,
    /// Somebody who has lost its state comes in again: one commit removes the old leaf and adds the new one.
    Rejoin,
}

/// Who works, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The newcomer makes its key package and its request; a leaver its proposal.
    Ask,
    /// The committer checks one request or proposal.
    Check,
    /// The committer makes the commit.
    Commit,
    /// The committer takes its own commit from the log.
    Merge,
    /// A member takes the commit from the log.
    Follow,
    /// The newcomer takes its Welcome: every member's statement is verified.
    Welcome,
}

impl Change {
    /// Every one that a group of `members` shows.
    #[must_use]
    pub fn all(members: usize) -> Vec<Self> {
        let mut all = vec![Self::Join(1)];
        if members >= 100 {
            all.push(Self::Join(100));
        }
        all.extend([Self::Leave, Self::Remove, Self::Update, Self::Rejoin]);
        all
    }

    /// As tables name it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Join(1) => "join".to_owned(),
            Self::Join(count) => format!("join {count} at once"),
            Self::Leave => "leave".to_owned(),
            Self::Remove => "remove".to_owned(),
            Self::Update => "update".to_owned(),
            Self::Rejoin => "rejoin".to_owned(),
        }
    }

    /// Carries it out once and writes down what it cost; the crowd has its size again afterwards. Returns the CPU time of all
    /// stages together, each counted once.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn carry_out(self, crowd: &mut Crowd, ledger: &mut Ledger) -> Result<Duration, CrowdError> {
        let before = ledger.total();
        match self {
            Self::Join(count) => join(count, crowd, ledger)?,
            Self::Leave => leave(crowd, ledger)?,
            Self::Remove => remove(crowd, ledger)?,
            Self::Update => update(crowd, ledger)?,
            Self::Rejoin => drop(admit(&[LOST.to_owned()], crowd, ledger)?),
        }
        Ok(ledger.total() - before)
    }
}

impl Stage {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Ask, Self::Check, Self::Commit, Self::Merge, Self::Follow, Self::Welcome];

    /// As tables name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Check => "check",
            Self::Commit => "commit",
            Self::Merge => "merge",
            Self::Follow => "follow",
            Self::Welcome => "welcome",
        }
    }
}

fn join(count: usize, crowd: &mut Crowd, ledger: &mut Ledger) -> Result<(), CrowdError> {
    let subjects: Vec<_> = (0..count).map(|number| format!("{GUEST}-{number}")).collect();
    admit(&subjects, crowd, ledger)?;
    crowd.remove(&subjects)
}

/// Join requests, one commit, and the first newcomer's Welcome.
fn admit(subjects: &[String], crowd: &mut Crowd, ledger: &mut Ledger) -> Result<Group, CrowdError> {
    let now = crowd.accounts.now();
    let mut pending = Vec::with_capacity(subjects.len());
    for subject in subjects {
        pending.push(timed(ledger, Stage::Ask, || crowd.accounts.applicant(subject, &crowd.invitation))?);
    }
    let requests: Vec<_> = pending.iter().map(PendingMember::join_request).collect();
    ledger.bytes("request", requests.first().map_or(0, Vec::len));
    let mut applicants = Vec::with_capacity(requests.len());
    for request in &requests {
        let checked: Result<_, JoinRequestRefused> =
            timed(ledger, Stage::Check, || crowd.organizer.check_join_request(request, now));
        applicants.push(checked?);
    }
    let staged = timed(ledger, Stage::Commit, || crowd.organizer.admit(&applicants, now))?;
    take(&staged, crowd, ledger)?;
    let welcome = staged.welcome.unwrap_or_default();
    let mut first = pending.swap_remove(0);
    Ok(timed(ledger, Stage::Welcome, || first.join(&welcome, now, AT))?)
}

fn leave(crowd: &mut Crowd, ledger: &mut Ledger) -> Result<(), CrowdError> {
    let (mut pending, welcome) = crowd.add(&[GUEST.to_owned()])?;
    let mut guest = pending.swap_remove(0).join(&welcome, crowd.accounts.now(), AT)?;
    let proposal = timed(ledger, Stage::Ask, || guest.leave_proposal())?;
    ledger.bytes("request", proposal.len());
    let seen = timed(ledger, Stage::Check, || crowd.organizer.handle_proposal(&proposal))?;
    crowd.member.handle_proposal(&proposal)?;
    commit_remove(seen.leaver, crowd, ledger)
}

fn remove(crowd: &mut Crowd, ledger: &mut Ledger) -> Result<(), CrowdError> {
    crowd.add(&[GUEST.to_owned()])?;
    let leaves = crowd.organizer.leaves_of(GUEST).to_vec();
    leaves.into_iter().try_for_each(|leaf| commit_remove(leaf, crowd, ledger))
}

fn commit_remove(leaf: LeafIndex, crowd: &mut Crowd, ledger: &mut Ledger) -> Result<(), CrowdError> {
    let now = crowd.accounts.now();
    let staged = timed(ledger, Stage::Commit, || crowd.organizer.remove(&[leaf], now))?;
    take(&staged, crowd, ledger)
}

/// The organizer updates, as it does each time it removes somebody.
fn update(crowd: &mut Crowd, ledger: &mut Ledger) -> Result<(), CrowdError> {
    let now = crowd.accounts.now();
    let staged = timed(ledger, Stage::Commit, || crowd.organizer.rotate(now))?;
    take(&staged, crowd, ledger)
}

fn take(staged: &Staged, crowd: &mut Crowd, ledger: &mut Ledger) -> Result<(), CrowdError> {
    ledger.bytes("commit", staged.commit.len());
    ledger.bytes("welcome", staged.welcome.as_ref().map_or(0, Vec::len));
    timed(ledger, Stage::Merge, || crowd.organizer.handle_commit(&staged.commit, AT))?;
    timed(ledger, Stage::Follow, || crowd.member.handle_commit(&staged.commit, AT))?;
    Ok(())
}

/// CPU time: it says the same on a machine that has other work as well.
fn timed<T>(ledger: &mut Ledger, stage: Stage, work: impl FnOnce() -> T) -> T {
    let before_ns = thread_cpu_ns();
    let done = work();
    ledger.time(stage, Duration::from_nanos(thread_cpu_ns() - before_ns));
    done
}
