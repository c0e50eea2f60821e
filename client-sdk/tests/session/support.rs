//! A relay in this process, an account service, and people who join.

use isi_account::{AccountKey, Role, StatementClaims, TokenClaims};
use isi_certs_dev::DevCertificates;
use isi_client::{
    ConnectOptions, ConnectionKey, Credentials, Event, Events, Invitation, IssuerKeys, JoinError, MemberId,
    MemberIdentity, MemberKey, RelayUrl, Session, SessionId, TrustAnchors,
};
use isi_relay::admission::{AdmissionConfig, KeySource};
use isi_relay::tls::TlsConfig;
use isi_relay::{Config, Node};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// A test that waits this long hangs.
const HANGS: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, what).await.expect("waited too long")
}

pub(crate) struct World {
    pub(crate) account: AccountKey,
    pub(crate) ca_pem: Vec<u8>,
    pub(crate) addr: SocketAddr,
    pub(crate) session: SessionId,
    stop: Option<oneshot::Sender<()>>,
}

pub(crate) struct Person {
    pub(crate) session: Session,
    pub(crate) events: Events,
}

impl World {
    pub(crate) fn start() -> Self {
        let account = AccountKey::generate().unwrap();
        let certificates = DevCertificates::generate().unwrap();
        let tls = TlsConfig::from_memory(certificates.chain_der(), certificates.private_key_der());
        let keys = KeySource::Inline(account.jwks().to_json().to_owned());
        let node = Node::bind(Config::for_loopback(tls, AdmissionConfig::for_loopback(keys))).unwrap();
        let addr = node.local_addr();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(node.run(async {
            let _ = stopped.await;
        }));
        let mut session = [0; 16];
        session[..8].copy_from_slice(&now().to_be_bytes());
        session[8..10].copy_from_slice(&addr.port().to_be_bytes());
        let ca_pem = certificates.ca_pem().into_bytes();
        Self { account, ca_pem, addr, session: SessionId(session), stop: Some(stop) }
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn url(&self) -> RelayUrl {
        format!("isi://{}", self.addr).parse().unwrap()
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        ConnectOptions::new(self.url(), TrustAnchors::Pem(self.ca_pem.clone()))
    }

    pub(crate) fn issuers(&self) -> IssuerKeys {
        IssuerKeys::from_jwks(self.account.jwks().to_json().as_bytes()).unwrap()
    }

    pub(crate) fn claims(&self, role: Role, subject: &str, key: &ConnectionKey) -> TokenClaims {
        TokenClaims::new(role, &self.addr.to_string(), self.session, subject, &key.public_key())
    }

    pub(crate) fn identity(&self, role: Role, subject: &str) -> MemberIdentity {
        let key = MemberKey::generate();
        let claims = StatementClaims::new(role, self.session, subject, &key.public_key());
        MemberIdentity::new(key, self.account.sign_statement(&claims, now()).unwrap()).unwrap()
    }

    pub(crate) fn credentials(&self, role: Role, subject: &str) -> Credentials {
        let connection_key = ConnectionKey::generate().unwrap();
        let token = self.account.sign_token(&self.claims(role, subject, &connection_key), now()).unwrap();
        Credentials { token, connection_key, identity: self.identity(role, subject) }
    }

    pub(crate) async fn create(&self) -> Person {
        let credentials = self.credentials(Role::Organizer, "root");
        let created = Session::create(self.options(), credentials, self.issuers());
        let (session, events) = within(created).await.unwrap();
        Person { session, events }
    }

    pub(crate) async fn try_join(
        &self,
        role: Role,
        subject: &str,
        invitation: &Invitation,
    ) -> Result<Person, JoinError> {
        let credentials = self.credentials(role, subject);
        let joined = Session::join(self.options(), credentials, self.issuers(), invitation);
        let (session, events) = within(joined).await?;
        Ok(Person { session, events })
    }

    pub(crate) async fn join(&self, role: Role, subject: &str, invitation: &Invitation) -> Person {
        self.try_join(role, subject, invitation).await.unwrap()
    }

    /// A root organizer and as many participants, who all know each other's connections.
    pub(crate) async fn people<const N: usize>(&self) -> (Person, [Person; N]) {
        let mut root = self.create().await;
        let invitation = root.session.invite().await.unwrap();
        let mut people = Vec::new();
        for number in 0..N {
            people.push(self.join(Role::Participant, &format!("person-{number}"), &invitation).await);
        }
        for person in people.iter_mut().chain([&mut root]) {
            person.until_online(N + 1).await;
        }
        (root, people.try_into().unwrap_or_else(|_| panic!("as many as asked for")))
    }
}

impl Person {
    /// Waits for an event for which `wanted` has an answer; others are skipped.
    pub(crate) async fn hear<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut skipped = Vec::new();
        let found = async {
            loop {
                let event =
                    self.events.next().await.unwrap_or_else(|| panic!("events ended; skipped {skipped:?}"));
                if let Some(found) = wanted(&event) {
                    return found;
                }
                skipped.push(event);
            }
        };
        within(found).await
    }

    /// Waits until everybody's connection is known.
    async fn until_online(&mut self, count: usize) {
        let online = async {
            loop {
                let members = self.session.members().await.unwrap();
                if members.iter().filter(|member| member.is_online).count() == count {
                    return;
                }
                self.events.next().await.expect("the session goes on");
            }
        };
        within(online).await;
    }

    pub(crate) fn id(&self) -> MemberId {
        self.session.me()
    }

    pub(crate) async fn member(&self, subject: &str) -> MemberId {
        let members = self.session.members().await.unwrap();
        members.into_iter().find(|member| member.subject == subject).expect("a member").id
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
