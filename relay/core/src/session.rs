use crate::*;
use bytes::Bytes;
use isi_wire::*;

/// One session.
#[derive(Debug)]
pub struct Session {
    incarnation: Incarnation,
    limits: SessionLimits,
}

#[allow(missing_docs, unused_variables, clippy::missing_errors_doc)]
impl Session {
    #[must_use]
    pub fn new(incarnation: Incarnation, limits: SessionLimits) -> Self {
        Self { incarnation, limits }
    }
    pub fn join(&mut self, now: Timestamp, params: JoinParams) -> Result<Joined, JoinRefused> {
        Err(JoinRefused::Full)
    }
    pub fn leave(&mut self, now: Timestamp, participant: ParticipantId, reason: LeaveReason) {}
    pub fn close(&mut self, now: Timestamp, code: CloseCode) {}
    pub fn update_grants(&mut self, now: Timestamp, participant: ParticipantId, grants: Grants) {}
    pub fn send_control(&mut self, to: ParticipantId, message: RelayMessage) {}
    pub fn handle_control(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        message: ClientMessage,
    ) -> Result<(), Violation> {
        Ok(())
    }
    pub fn handle_log(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        upload: LogUpload,
    ) -> Result<(), Violation> {
        Ok(())
    }
    pub fn open_group(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        header: GroupHeader,
        header_bytes: Bytes,
    ) -> Result<IngressId, GroupRefused> {
        Err(GroupRefused::Reset(ResetCode::TrackEnded))
    }
    pub fn push_chunk(&mut self, now: Timestamp, ingress: IngressId, chunk: Bytes) -> ChunkOutcome {
        ChunkOutcome::Accepted
    }
    pub fn finish_group(&mut self, now: Timestamp, ingress: IngressId) {}
    pub fn reset_group(&mut self, now: Timestamp, ingress: IngressId, code: ResetCode) {}
    pub fn push_datagram(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        alias: TrackAlias,
        datagram: Bytes,
    ) -> Result<(), Violation> {
        Ok(())
    }
    pub fn next_write(&mut self, now: Timestamp, to: ParticipantId, room: WriteRoom) -> Option<Write> {
        None
    }
    pub fn stream_stopped(&mut self, now: Timestamp, to: ParticipantId, egress: EgressId) {}
    pub fn drain_wakeups(&mut self, out: &mut Vec<Wake>) {}
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }
    pub fn handle_deadline(&mut self, now: Timestamp) {}
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }
    #[must_use]
    pub fn is_closed(&self) -> bool {
        false
    }
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        SessionStats::default()
    }
    #[must_use]
    pub fn limits(&self) -> &SessionLimits {
        &self.limits
    }
}
