use super::{Relay, new_session, unix_seconds, within};
use isi_account::{Role, StatementClaims, TokenClaims};
use isi_client::{
    ConnectOptions, ConnectionKey, Credentials, Event, Events, Invitation, IssuerKeys, JoinError, Lease,
    MemberId, MemberIdentity, MemberKey, Refused, RemoteTrack, Session, TrustAnchors,
};
use isi_wire::SessionId;

/// A relay, an account service, and one session for people who use the SDK.
pub struct World {
    /// The relay. Its account service signs statements as well.
    pub relay: Relay,
    /// Which session everybody means.
    pub session: SessionId,
}

/// Somebody in the session.
pub struct Person {
    /// The SDK's handle.
    pub session: Session,
    /// What happens. Take events all the time, or some are missed.
    pub events: Events,
}

impl World {
    /// A relay with the default limits and a session that nobody has created yet.
    pub fn start() -> Self {
        Self { relay: Relay::start(), session: new_session() }
    }

    /// How the SDK reaches the relay.
    pub fn options(&self) -> ConnectOptions {
        let url = format!("isi://{}", self.relay.origin()).parse().unwrap();
        let mut options = ConnectOptions::new(url, TrustAnchors::Pem(self.relay.ca_pem()));
        options.connect_addr = Some(self.relay.address);
        options
    }

    /// The account service's keys, as members know them.
    pub fn issuers(&self) -> IssuerKeys {
        IssuerKeys::from_jwks(self.relay.account.jwks().to_json().as_bytes()).unwrap()
    }

    /// Claims of a relay token for a person's connection key.
    pub fn claims(&self, role: Role, subject: &str, key: &ConnectionKey) -> TokenClaims {
        self.relay.claims(role, self.session, subject, &key.public_key())
    }

    /// A statement about a leaf key.
    pub fn statement(&self, role: Role, subject: &str, leaf_key: &[u8; 32]) -> String {
        let claims = StatementClaims::new(role, self.session, subject, leaf_key);
        self.relay.account.sign_statement(&claims, unix_seconds()).unwrap()
    }

    /// Everything that a person needs to come in, in order.
    pub fn credentials(&self, role: Role, subject: &str) -> Credentials {
        let connection_key = ConnectionKey::generate().unwrap();
        let token = self.relay.sign(&self.claims(role, subject, &connection_key));
        Credentials { token, connection_key, identity: self.identity(role, subject) }
    }

    /// A fresh leaf key with a statement about it.
    pub fn identity(&self, role: Role, subject: &str) -> MemberIdentity {
        let key = MemberKey::generate();
        let statement = self.statement(role, subject, &key.public_key());
        MemberIdentity::new(key, statement).unwrap()
    }

    /// The root organizer, subject `root`.
    pub async fn create(&self) -> Person {
        let credentials = self.credentials(Role::Organizer, "root");
        let created = Session::create(self.options(), credentials, self.issuers());
        let (session, events) = within(created).await.unwrap();
        Person { session, events }
    }

    /// Joins with credentials of the test's choice.
    pub async fn try_join(
        &self,
        credentials: Credentials,
        invitation: &Invitation,
    ) -> Result<Person, JoinError> {
        let joined = Session::join(self.options(), credentials, self.issuers(), invitation);
        let (session, events) = within(joined).await?;
        Ok(Person { session, events })
    }

    /// Joins with everything in order.
    pub async fn join(&self, role: Role, subject: &str, invitation: &Invitation) -> Person {
        self.try_join(self.credentials(role, subject), invitation).await.unwrap()
    }

    /// A root organizer, and for each role a person with subject `person-0`, `person-1` and so on; all know each
    /// other's connections.
    pub async fn people<const N: usize>(&self, roles: [Role; N]) -> (Person, [Person; N]) {
        let mut root = self.create().await;
        let invitation = root.session.invite().await.unwrap();
        let mut people = Vec::new();
        for (number, role) in roles.into_iter().enumerate() {
            people.push(self.join(role, &format!("person-{number}"), &invitation).await);
        }
        for person in people.iter_mut().chain([&mut root]) {
            person.until_online(N + 1).await;
        }
        (root, people.try_into().unwrap_or_else(|_| panic!("as many as asked for")))
    }
}

impl Person {
    /// Waits for an event for which `wanted` has an answer; others are skipped.
    pub async fn hear<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut skipped = Vec::new();
        let found = async {
            loop {
                let event = self.events.next().await;
                let event = event.unwrap_or_else(|| panic!("events ended; skipped {skipped:?}"));
                if let Some(found) = wanted(&event) {
                    return found;
                }
                skipped.push(event);
            }
        };
        within(found).await
    }

    /// Waits until so many members are there and their connections are known.
    pub async fn until_online(&mut self, count: usize) {
        loop {
            let members = self.session.members().await.unwrap();
            if members.iter().filter(|member| member.is_online).count() >= count {
                return;
            }
            self.hear(|event| matches!(event, Event::MemberOnline(_)).then_some(())).await;
        }
    }

    /// The next lease that somebody gave.
    pub async fn hear_granted(&mut self) -> Lease {
        self.hear(|event| match event {
            Event::LeaseGranted(lease) => Some(*lease),
            _ => None,
        })
        .await
    }

    /// The next thing that was refused: whose it claims to be, and why.
    pub async fn hear_refused(&mut self) -> (Option<MemberId>, Refused) {
        self.hear(|event| match event {
            Event::Refused { from, why } => Some((*from, *why)),
            _ => None,
        })
        .await
    }

    /// Waits for this very text. Whatever is refused meanwhile is a failure.
    pub async fn hear_text(&mut self, text: &str) -> MemberId {
        self.hear(|event| match event {
            Event::Message(message) if message.text == text => Some(message.from),
            Event::Refused { why, .. } => panic!("refused: {why}"),
            _ => None,
        })
        .await
    }

    /// The next track that is offered.
    pub async fn hear_track(&mut self) -> RemoteTrack {
        self.hear(|event| match event {
            Event::TrackAvailable(track) => Some(*track),
            _ => None,
        })
        .await
    }

    /// This person.
    pub fn id(&self) -> MemberId {
        self.session.me()
    }

    /// Somebody else, as this person's client knows it.
    pub async fn member(&self, subject: &str) -> MemberId {
        let members = self.session.members().await.unwrap();
        members.into_iter().find(|member| member.subject == subject).expect("a member").id
    }
}
