//! Joins, leaves, removes and updates race each other under two organizers, one of which vanishes on the way; whoever is left
//! is in one group. `ISI_SEED` gives another history than the usual ones.

use crate::world::{GOOD, RELAY, World, host, ms};
use isi_account::Role;
use isi_client::{ConnectOptions, Invitation, Session};
use isi_netsim::{Link, Network, seed_or};
use isi_testkit::Person;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const ROUNDS: u32 = 10;
/// In this round the root's cable is pulled.
const VANISHES: u32 = 6;
/// Long enough for the relay to give up a connection, and for what follows.
const SETTLES: Duration = Duration::from_secs(90);

struct Churn {
    network: Network,
    people: isi_testkit::World,
    dice: u64,
    next_host: u8,
    /// Everybody but the two organizers, by subject.
    others: Vec<(String, Person)>,
}

impl Churn {
    /// xorshift64
    fn below(&mut self, bound: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % bound
    }

    fn options(&mut self) -> ConnectOptions {
        let mut options = self.people.options();
        let address = SocketAddr::new(host(self.next_host), 0);
        self.next_host += 1;
        options.endpoint = Some(self.network.endpoint(address, None).unwrap());
        options
    }

    async fn create(&mut self) -> Person {
        let options = self.options();
        let credentials = self.people.credentials(Role::Organizer, "root");
        let (session, events) = Session::create(options, credentials, self.people.issuers()).await.unwrap();
        Person { session, events }
    }

    fn joining(
        &mut self,
        role: Role,
        subject: &str,
        invitation: &Invitation,
    ) -> impl Future<Output = Person> + use<> {
        let (options, wait) = (self.options(), ms(self.below(300)));
        let (credentials, issuers) = (self.people.credentials(role, subject), self.people.issuers());
        let invitation = invitation.clone();
        async move {
            sleep(wait).await;
            let (session, events) = Session::join(options, credentials, issuers, &invitation).await.unwrap();
            Person { session, events }
        }
    }

    /// Two join, one leaves, one is removed, and two take fresh keys, all in 300 ms.
    async fn round(&mut self, organizers: &[&Person], invitation: &Invitation, number: u32) {
        let names = [format!("a-{number}"), format!("b-{number}")];
        let joins = names.each_ref().map(|name| self.joining(Role::Participant, name, invitation));
        let waits = [(); 4].map(|()| ms(self.below(300)));
        let leaves = (self.others.len() > 2).then(|| self.take_one());
        let removed = (self.others.len() > 2).then(|| self.take_one());
        let by = |place: u64| organizers[usize::try_from(place).unwrap() % organizers.len()];
        let (remover, rotator) = (by(self.below(2)), by(self.below(2)));
        let [a, b] = joins;
        let leave = async {
            sleep(waits[0]).await;
            if let Some((_, person)) = leaves {
                person.session.leave().await;
            }
        };
        let remove = async {
            sleep(waits[1]).await;
            if let Some((subject, _still_there)) = removed {
                let members = remover.session.members().await.unwrap();
                let member = members.into_iter().find(|member| member.subject == subject).unwrap();
                remover.session.remove(member.id).await.unwrap();
            }
        };
        let rotate = async {
            sleep(waits[2]).await;
            rotator.session.rotate().await.unwrap();
        };
        let (a, b, ..) = tokio::join!(a, b, leave, remove, rotate);
        self.others.extend(names.into_iter().zip([a, b]));
    }

    fn take_one(&mut self) -> (String, Person) {
        let place = self.below(self.others.len() as u64);
        self.others.swap_remove(usize::try_from(place).unwrap())
    }

    /// Waits until everybody sees the same epoch and exactly these people.
    async fn settle(&self, organizers: &[(&str, &Person)]) {
        let others = self.others.iter().map(|(subject, person)| (subject.as_str(), person));
        let everybody: Vec<_> = organizers.iter().copied().chain(others).collect();
        let subjects: BTreeSet<_> = everybody.iter().map(|(subject, _)| (*subject).to_owned()).collect();
        let same = async {
            loop {
                let mut seen = BTreeSet::new();
                for (_, person) in &everybody {
                    let members = person.session.members().await.unwrap();
                    let members: BTreeSet<_> = members.into_iter().map(|member| member.subject).collect();
                    let code = person.session.session_code().await.unwrap();
                    seen.insert((code.epoch, code.digits.clone(), members == subjects));
                }
                if seen.len() == 1 && seen.iter().all(|(.., exactly)| *exactly) {
                    return;
                }
                sleep(ms(100)).await;
            }
        };
        timeout(SETTLES, same).await.unwrap();
    }
}

async fn until_shared(second: &Person) {
    while second.session.invitations().await.unwrap().is_empty() {
        sleep(ms(10)).await;
    }
}

async fn churn(seed: u64) {
    println!("seed {seed}");
    let World { network, relay, session } = World::with_seed(seed);
    let people = isi_testkit::World { relay, session };
    let dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut churn = Churn { network, people, dice, next_host: 2, others: Vec::new() };
    let mut root = churn.create().await;
    let invitation = root.session.invite().await.unwrap();
    let mut second = churn.joining(Role::Organizer, "second", &invitation).await;
    root.until_online(2).await;
    second.until_online(2).await;
    root.session.set_organizers(vec![root.id(), root.member("second").await]).await.unwrap();
    until_shared(&second).await;
    for number in 0..VANISHES {
        churn.round(&[&root, &second], &invitation, number).await;
    }
    churn.settle(&[("root", &root), ("second", &second)]).await;
    churn.network.connect(host(2), RELAY, Link { is_up: false, ..GOOD });
    for number in VANISHES..ROUNDS {
        churn.round(&[&second], &invitation, number).await;
    }
    churn.settle(&[("second", &second)]).await;
    drop(root);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_left_is_in_one_group() {
    let first = seed_or(1);
    for seed in first..first + 2 {
        churn(seed).await;
    }
}
