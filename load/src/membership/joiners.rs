use super::load::{AdmissionLoad, Admissions};
use crate::client::{ClientError, Dialler, LogClient};
use crate::clock::monotonic_ns;
use bytes::Bytes;
use isi_e2ee::{MonotonicMs, PendingMember, UnixSeconds};
use isi_wire::{EntryKind, SessionId};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const SECOND_NS: u64 = 1_000_000_000;
/// Longest wait for a Welcome.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(30);

/// Who has its Welcome, and has not looked at it yet.
struct Admitted {
    pending: PendingMember,
    welcome: Bytes,
    began_ns: u64,
}

/// Brings all in at their times. Welcomes are taken by a thread of their own: many a newcomer's work on one core shall not
/// hold up the next one's messages.
pub(super) async fn run(
    dialler: Arc<Dialler>,
    session: SessionId,
    load: AdmissionLoad,
    pending: Vec<PendingMember>,
    now: UnixSeconds,
    begin_ns: u64,
) -> Admissions {
    let (give, taken) = mpsc::channel::<Admitted>();
    let verifier = std::thread::spawn(move || verify(&taken, now));
    let (mut admissions, mut asking) = (Admissions::default(), JoinSet::new());
    let mut staying = Vec::with_capacity(pending.len());
    for (number, pending) in (0_u64..).zip(pending) {
        let at_ns = begin_ns + number * SECOND_NS / u64::from(load.per_second.max(1));
        let dialler = Arc::clone(&dialler);
        asking.spawn(async move {
            sleep(Duration::from_nanos(at_ns.saturating_sub(monotonic_ns()))).await;
            timeout(WELCOME_TIMEOUT, ask(&dialler, session, pending))
                .await
                .unwrap_or(Err(ClientError::Unreachable))
        });
    }
    while let Some(ended) = asking.join_next().await {
        match ended {
            Ok(Ok((client, ended_ns, admitted))) => {
                admissions.note_admitted(admitted.began_ns, ended_ns);
                admissions.delivered_bytes += admitted.welcome.len() as u64;
                staying.push(client);
                // Its thread ends when this does.
                let _ = give.send(admitted);
            }
            Ok(Err(error)) => admissions.fail(&error.to_string()),
            Err(error) => admissions.fail(&error.to_string()),
        }
    }
    drop(give);
    let verified = tokio::task::spawn_blocking(move || verifier.join()).await;
    match verified {
        Ok(Ok(verified)) => {
            admissions.verified = verified.verified;
            admissions.failed += verified.failed;
            admissions.first_failure = admissions.first_failure.or(verified.first_failure);
        }
        _ => admissions.fail("the newcomers' thread ended early"),
    }
    admissions
}

/// Joins the relay, asks, and waits for the Welcome; tells when it was there.
async fn ask(
    dialler: &Dialler,
    session: SessionId,
    pending: PendingMember,
) -> Result<(LogClient, u64, Admitted), ClientError> {
    let began_ns = monotonic_ns();
    let mut client = dialler.join(session).await?.follow_log().await?;
    client.ask(pending.join_request()).await?;
    loop {
        let entry = client.next_entry().await?;
        if entry.kind == EntryKind::Welcome {
            let ended_ns = monotonic_ns();
            client.acknowledge(entry.sequence).await?;
            return Ok((client, ended_ns, Admitted { pending, welcome: entry.payload, began_ns }));
        }
    }
}

/// Newcomers would do that each on a machine of its own: it must not hold up those of this load who still wait.
const VERIFYING_NICE: i32 = 19;

fn verify(taken: &mpsc::Receiver<Admitted>, now: UnixSeconds) -> Admissions {
    // Without it the others wait longer, and nothing else is wrong.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), VERIFYING_NICE);
    let mut admissions = Admissions::default();
    for mut admitted in taken {
        match admitted.pending.join(&admitted.welcome, now, MonotonicMs(0)) {
            Ok(_) => admissions.note_verified(admitted.began_ns),
            Err(refused) => admissions.fail(&refused.to_string()),
        }
    }
    admissions
}
