use super::{Evicted, Group, StageError};
use crate::commit_data::CommitReason;
use crate::rules::{RuleViolation, check_proposal, leaf_index};
use crate::{LeafIndex, Member, MonotonicMs, UnixSeconds};
use isi_wire::limits::LOG_ITEM_BYTES_MAX;
use openmls::group::{ProcessMessageError, StageCommitError, StagedCommit};
use openmls::prelude::{
    ContentType, MlsMessageBodyIn, MlsMessageIn, PrivateMessageIn, ProcessedMessage, ProcessedMessageContent,
    QueuedProposal, Sender,
};
use openmls_traits::OpenMlsProvider as _;
use tls_codec::Deserialize as _;

/// What a merged commit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochChange {
    /// The epoch it led to.
    pub epoch: u64,
    /// Who was let in.
    pub added: Vec<Member>,
    /// Whose leaves were removed, in the numbering of the epoch before.
    pub removed: Vec<LeafIndex>,
    /// Whether the committer has fresh keys.
    pub updated: bool,
    /// Whether there is another list of organizers.
    pub organizers_changed: bool,
    /// Whether one was removed oneself: the group is over, its keys are gone.
    pub self_removed: bool,
    /// Who made it.
    pub committer: LeafIndex,
    /// Why, as the committer says.
    pub reason: CommitReason,
    /// When, as the committer says; expiries were judged by it.
    pub stated_at: UnixSeconds,
}

/// Somebody asks to leave. An organizer answers with [`Group::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposalSeen {
    /// Who.
    pub leaver: LeafIndex,
}

/// Why a commit or proposal was not taken; the group is as it was. Skip the entry, report it, go on with the
/// next; after [`Lost`](HandshakeError::Lost) or [`Evicted`](HandshakeError::Evicted) join again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Not an MLS message, or longer than a log item.
    #[error("not an MLS message; its uploader or the relay is at fault")]
    Malformed,
    /// Not a PrivateMessage: nothing but ciphertext is accepted, so no external joins either.
    #[error("a handshake that is not encrypted; its uploader is at fault")]
    NotEncrypted,
    /// A commit where a proposal was expected or the other way round, or an MLS application message.
    #[error("not the kind of handshake that the log says it is")]
    WrongContent,
    /// Another group's.
    #[error("the handshake belongs to another group")]
    WrongGroup,
    /// For another epoch: a commit that lost the race, or one that follows a gap.
    #[error("the handshake is for epoch {theirs}, this is epoch {ours}")]
    WrongEpoch {
        /// The group's epoch.
        ours: u64,
        /// The message's.
        theirs: u64,
    },
    /// It breaks the session's rules.
    #[error(transparent)]
    Refused(#[from] RuleViolation),
    /// MLS refused it: wrong key, wrong signature, replayed, inconsistent.
    #[error("the handshake does not verify; its uploader or the relay is at fault")]
    Invalid,
    /// One's own commit that was discarded but is in the log: its keys are gone.
    #[error("own commit in the log that was discarded; join the session again")]
    Lost,
    /// One was removed.
    #[error("no longer a member of the session; ask to be let in again")]
    Evicted,
    /// The MLS library failed after the commit was accepted.
    #[error("the MLS library failed; join the session again")]
    Library,
}

impl Group {
    /// Takes a commit from the log: one's own staged one, recognised by its bytes, or somebody else's.
    ///
    /// # Errors
    /// See [`HandshakeError`]. Nothing is changed, a staged commit stays staged.
    pub fn handle_commit(&mut self, commit: &[u8], now: MonotonicMs) -> Result<EpochChange, HandshakeError> {
        if !self.mls.is_active() {
            return Err(HandshakeError::Evicted);
        }
        match self.staged.take_if(|staged| staged.commit == commit) {
            Some(own) => {
                self.mls.merge_pending_commit(&self.provider).map_err(|_| HandshakeError::Library)?;
                if let Some(renewed) = own.identity {
                    self.identity = renewed;
                }
                self.follow(own.changes, own.media_key, now).map_err(|Evicted| HandshakeError::Library)
            }
            None => self.handle_foreign(commit, now),
        }
    }

    /// Reads a proposal from the log. Nothing is kept: what an organizer commits, its commit carries itself.
    ///
    /// # Errors
    /// See [`HandshakeError`].
    pub fn handle_proposal(&mut self, proposal: &[u8]) -> Result<ProposalSeen, HandshakeError> {
        if !self.mls.is_active() {
            return Err(HandshakeError::Evicted);
        }
        let processed = self.process(proposal, ContentType::Proposal)?;
        let leaver = member_sender(&processed)?;
        let proposal = proposal_in(processed)?;
        check_proposal(proposal.proposal(), leaver)?;
        Ok(ProposalSeen { leaver })
    }

    /// A proposal that asks for one's own removal. Upload it, and go on following the log until
    /// [`EpochChange::self_removed`]. A staged commit is discarded.
    ///
    /// # Errors
    /// [`StageError::Evicted`] or [`StageError::Library`].
    pub fn leave_proposal(&mut self) -> Result<Vec<u8>, StageError> {
        if !self.mls.is_active() {
            return Err(StageError::Evicted);
        }
        self.discard_staged();
        let proposal =
            self.mls.leave_group(&self.provider, &*self.identity).map_err(|_| StageError::Library)?;
        self.clear_proposals();
        proposal.to_bytes().map_err(|_| StageError::Library)
    }

    fn handle_foreign(&mut self, commit: &[u8], now: MonotonicMs) -> Result<EpochChange, HandshakeError> {
        let processed = self.process(commit, ContentType::Commit)?;
        let committer = member_sender(&processed)?;
        let aad = processed.aad().to_vec();
        let staged = commit_in(processed)?;
        let changes = self.before().judge(committer, &aad, &staged)?;
        self.discard_staged();
        self.clear_proposals();
        self.mls.merge_staged_commit(&self.provider, *staged).map_err(|_| HandshakeError::Library)?;
        self.follow(changes, None, now).map_err(|Evicted| HandshakeError::Library)
    }

    fn process(&mut self, message: &[u8], content: ContentType) -> Result<ProcessedMessage, HandshakeError> {
        let message = parse_private(message)?;
        if message.content_type() != content {
            return Err(HandshakeError::WrongContent);
        }
        if message.group_id() != self.mls.group_id() {
            return Err(HandshakeError::WrongGroup);
        }
        let (ours, theirs) = (self.epoch(), message.epoch().as_u64());
        if ours != theirs {
            return Err(HandshakeError::WrongEpoch { ours, theirs });
        }
        self.mls.process_message(&self.provider, message).map_err(|error| refusal(&error))
    }

    fn clear_proposals(&mut self) {
        // Our store does not fail on what it does not keep.
        let _ = self.mls.clear_pending_proposals(self.provider.storage());
    }
}

fn parse_private(bytes: &[u8]) -> Result<PrivateMessageIn, HandshakeError> {
    if bytes.len() > LOG_ITEM_BYTES_MAX {
        return Err(HandshakeError::Malformed);
    }
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| HandshakeError::Malformed)?;
    let MlsMessageBodyIn::PrivateMessage(message) = message.extract() else {
        return Err(HandshakeError::NotEncrypted);
    };
    Ok(message)
}

fn member_sender(message: &ProcessedMessage) -> Result<LeafIndex, HandshakeError> {
    match message.sender() {
        Sender::Member(leaf) => leaf_index(*leaf).ok_or(HandshakeError::Invalid),
        Sender::External(_) | Sender::NewMemberProposal | Sender::NewMemberCommit => {
            Err(HandshakeError::Invalid)
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything but a commit is refused")]
fn commit_in(message: ProcessedMessage) -> Result<Box<StagedCommit>, HandshakeError> {
    match message.into_content() {
        ProcessedMessageContent::StagedCommitMessage(staged) => Ok(staged),
        ProcessedMessageContent::OwnPrivateMessage | ProcessedMessageContent::OwnPendingCommit => {
            Err(HandshakeError::Lost)
        }
        _ => Err(HandshakeError::WrongContent),
    }
}

fn proposal_in(message: ProcessedMessage) -> Result<Box<QueuedProposal>, HandshakeError> {
    let ProcessedMessageContent::ProposalMessage(proposal) = message.into_content() else {
        return Err(HandshakeError::WrongContent);
    };
    Ok(proposal)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other reason is the sender's fault alike")]
fn refusal<E>(error: &ProcessMessageError<E>) -> HandshakeError {
    match error {
        ProcessMessageError::InvalidCommit(StageCommitError::MissingProposal) => {
            RuleViolation::ByReference.into()
        }
        ProcessMessageError::StorageError(_) | ProcessMessageError::LibraryError(_) => {
            HandshakeError::Library
        }
        _ => HandshakeError::Invalid,
    }
}
