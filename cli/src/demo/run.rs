//! The demo from beginning to end: the measured phase, the stalled one, and the one that is watched on the wire.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use isi_account::AccountKey;
use tokio::net::UdpSocket;

use super::{
    blindness::Blindness,
    crew::{Crew, DRIVER, World},
    figures,
    histogram::Histogram,
    protocol::{Counts, Drive, Note, Order, Plan, Sharing, SourceChoice, TakenBack},
    proxy::UdpProxy,
    relay_process::{RelayBinary, RelayProcess},
    summary::{RelayFigures, Summary},
    table::{Table, View},
    totals::Totals,
};
use crate::{
    args::DemoArgs,
    clock::{monotonic_us, sleep_until_us},
    failure::{Exit, Failure},
    random, relay_config,
    search::{CANARY_BYTES, Needles},
    temp::TempFolder,
};

/// Between an order to begin and the beginning: everybody has to hear it.
const LEAD_US: u64 = 300_000;
/// Between two pictures of the table.
const TABLE_EVERY: Duration = Duration::from_millis(500);
/// Searches of the relay's memory while everything runs.
const SEARCHES: u64 = 3;
/// How long messages and events may be under way after the last was sent.
const SETTLE_POLLS: u32 = 60;
const SETTLE_POLL: Duration = Duration::from_millis(50);
/// How long a receiver stands still, within every budget of the relay.
const STALL_US: u64 = 700_000;
/// Length of the phase in whose middle the lease is taken back.
const TAKE_BACK_US: u64 = 1_000_000;
/// Length of the phase that is watched on the wire.
const WIRE_US: u64 = 1_500_000;

/// Runs the demo. What the people see goes to standard error.
///
/// # Errors
/// When it cannot be carried through. That a condition does not hold is no error here: the summary has it.
pub async fn run(args: &DemoArgs) -> Result<Summary, Failure> {
    let folder = TempFolder::create().map_err(|error| Failure::of(Exit::Usage, &error))?;
    let binary = RelayBinary::choose(args.relay_bin.clone()).await?;
    let (account, ca_pem) = make_keys(&folder)?;
    let relay = RelayProcess::start(&binary, folder.path()).await?;
    let world = World { account, ca_pem, relay: relay.address() };
    let mut demo = Demo { args, world, relay, blindness: Blindness::default() };

    let measured = demo.measured_phase().await?;
    let wire = demo.wire_phase(&measured.source).await?;
    let Demo { relay, mut blindness, .. } = demo;
    let mut needles = Needles::default();
    for planted in measured.planted.iter().chain(&wire) {
        needles.add(planted).map_err(|error| Failure::of(Exit::NotSearched, &error))?;
    }
    let read = relay.end_and_search_log(&mut needles).await;
    blindness.log(read.is_ok().then(|| needles.found_count() as u64));
    if let Some(why) = blindness.refused() {
        eprintln!("not searched: {why}");
    }
    Ok(summarize(args, &binary, measured, &blindness))
}

/// Makes what a relay on loopback needs in its folder; the account's key and the CA are for its clients.
pub(crate) fn make_keys(folder: &TempFolder) -> Result<(AccountKey, String), Failure> {
    let certificates =
        isi_certs_dev::DevCertificates::generate().map_err(|error| Failure::of(Exit::Usage, &error))?;
    certificates.save(folder.path()).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let account = AccountKey::generate().map_err(|error| Failure::of(Exit::Usage, &error))?;
    let jwks = folder.path().join(relay_config::JWKS_FILE);
    account.jwks().save(&jwks).map_err(|error| Failure::of(Exit::Usage, &error))?;
    Ok((account, certificates.ca_pem()))
}

struct Demo<'a> {
    args: &'a DemoArgs,
    world: World,
    relay: RelayProcess,
    blindness: Blindness,
}

/// What the measured phase gave.
struct Measured {
    source: String,
    screen: (u16, u16),
    seconds: f64,
    counts: Vec<Counts>,
    session_code: Option<String>,
    relay: RelayFigures,
    taken_back: TakenBack,
    planted: Vec<[u8; CANARY_BYTES]>,
}

impl Demo<'_> {
    async fn measured_phase(&mut self) -> Result<Measured, Failure> {
        let mut crew = Crew::muster(usize::from(self.args.viewers), "").await?;
        self.blindness.planted(&crew.planted);
        crew.enter(&self.world, None).await?;
        let sharing = Sharing { source: self.args.source, fps: self.args.fps };
        let (source, screen) = crew.share(sharing).await?;
        let session_code = crew.codes_are_equal().await?;
        crew.wait_until_all_see().await;
        eprintln!(
            "sharing {source} {}x{} with {} viewers, viewer {DRIVER} has the lease",
            screen.0, screen.1, self.args.viewers
        );

        let seconds = u64::from(self.args.seconds);
        let drive = self.drive(&source, true);
        let plan = plan_from_now(seconds * 1_000_000, Some(drive.clone()));
        crew.begin(&plan, None).await?;
        let (mut counts, relay) = self.measure(&mut crew, &plan).await?;
        if let Some(png) = &self.args.png {
            write_png(&mut crew, png.clone()).await?;
        }
        let drive = Drive { type_text: None, ..drive };
        self.stall(&mut crew, drive.clone()).await?;
        let taken_back = take_back(&mut crew, drive).await?;
        // Of the whole session, what must not occur in it.
        for (counts, now) in counts.iter_mut().zip(counts_of(&crew)) {
            (counts.alarms, counts.troubles) = (now.alarms, now.troubles);
        }
        self.search_receivers(&mut crew).await?;
        let planted = crew.planted.iter().map(|planted| *planted.canary.bytes()).collect();
        crew.leave().await;
        let seconds = seconds as f64;
        Ok(Measured { source, screen, seconds, counts, session_code, relay, taken_back, planted })
    }

    fn drive(&self, source: &str, may_type: bool) -> Drive {
        let type_text = self.args.type_text.clone().filter(|_| may_type);
        Drive { type_text, at: self.args.at, careful: source != "desktop" }
    }

    /// The table runs, and the relay's memory is searched a few times, until the plan is over and everything has arrived.
    async fn measure(
        &mut self,
        crew: &mut Crew,
        plan: &Plan,
    ) -> Result<(Vec<Counts>, RelayFigures), Failure> {
        sleep_until_us(plan.begin_us).await;
        let cpu_before = figures::cpu_ms(self.relay.pid());
        let (mut table, mut before) = (Table::new(), vec![Counts::default(); crew.hands.len()]);
        let (length, mut searched) = (plan.end_us - plan.begin_us, 0);
        while monotonic_us() < plan.end_us {
            tokio::time::sleep(TABLE_EVERY).await;
            let elapsed = monotonic_us().saturating_sub(plan.begin_us);
            if searched < SEARCHES && elapsed * (SEARCHES + 1) >= length * (searched + 1) {
                searched += 1;
                self.blindness.search_relay(self.relay.pid(), &crew.planted, &[]).await;
            }
            let now = counts_of(crew);
            self.show(&mut table, plan, &now, &before);
            before = now;
        }
        let cpu_ms = cpu_before.zip(figures::cpu_ms(self.relay.pid())).map(|(before, after)| after - before);
        crew.wait_done(None).await?;
        let counts = settle(crew).await;
        let relay = match self.relay.admin() {
            Some(admin) => figures::fetch(admin).await.unwrap_or_default(), // unknown figures are null
            None => RelayFigures::default(),
        };
        Ok((counts, RelayFigures { cpu_ms, ..relay }))
    }

    fn show(&self, table: &mut Table, plan: &Plan, now: &[Counts], before: &[Counts]) {
        let found = self.blindness.figures();
        let seconds = |us: u64| us as f64 / 1e6;
        table.show(&View {
            elapsed_s: seconds(monotonic_us().min(plan.end_us).saturating_sub(plan.begin_us)),
            total_s: seconds(plan.end_us - plan.begin_us),
            participants: now,
            before,
            step_s: TABLE_EVERY.as_secs_f64(),
            searches: (found.relay_searches, found.found_in_relay),
        });
    }

    /// First the last viewer, then the organizer stands still, so that the relay has to hold what is for it; its memory is
    /// searched meanwhile. No latency is reported from here on.
    async fn stall(&mut self, crew: &mut Crew, drive: Drive) -> Result<(), Failure> {
        let last = crew.hands.len() - 1;
        for frozen in [last, 0] {
            let plan = plan_from_now(STALL_US, Some(drive.clone()));
            crew.begin(&plan, Some(frozen)).await?;
            sleep_until_us(plan.begin_us).await;
            crew.hands[frozen].process.freeze();
            sleep_until_us(plan.begin_us + STALL_US / 3).await;
            let ciphertext = if frozen == last { crew.ciphertext_of(DRIVER).await? } else { Vec::new() };
            self.blindness.search_relay(self.relay.pid(), &crew.planted, &ciphertext).await;
            sleep_until_us(plan.begin_us + STALL_US * 2 / 3).await;
            self.blindness.search_relay(self.relay.pid(), &crew.planted, &[]).await;
            crew.hands[frozen].process.thaw();
            crew.wait_done(Some(frozen)).await?;
        }
        Ok(())
    }

    async fn search_receivers(&mut self, crew: &mut Crew) -> Result<(), Failure> {
        self.blindness.search_participants(crew).await;
        let planted = crew.planted.clone();
        let objects = crew.search_objects(&planted).await?;
        self.blindness.objects(&objects);
        Ok(())
    }

    /// A session of its own, with fresh participants, that all goes through the proxy.
    async fn wire_phase(&mut self, source: &str) -> Result<Vec<[u8; CANARY_BYTES]>, Failure> {
        let no_proxy =
            |error: std::io::Error| Failure::of(Exit::Bind, &error).while_doing("starting the UDP proxy");
        let proxy = UdpProxy::start(self.relay.address()).await.map_err(no_proxy)?;
        let mut crew = Crew::muster(2, " (on the wire)").await?;
        self.blindness.planted(&crew.planted);
        for planted in &crew.planted {
            proxy
                .watch_for(planted.canary.bytes())
                .map_err(|error| Failure::of(Exit::NotSearched, &error))?;
        }
        crew.enter(&self.world, Some(proxy.address())).await?;
        let choice = if source == "desktop" { SourceChoice::Desktop } else { SourceChoice::X11 };
        crew.share(Sharing { source: choice, fps: self.args.fps }).await?;
        crew.wait_until_all_see().await;
        let plan = plan_from_now(WIRE_US, Some(self.drive(source, false)));
        crew.begin(&plan, None).await?;
        crew.wait_done(None).await?;
        self.blindness.search_relay(self.relay.pid(), &crew.planted, &[]).await;
        self.search_receivers(&mut crew).await?;
        let planted: Vec<_> = crew.planted.iter().map(|planted| *planted.canary.bytes()).collect();
        crew.leave().await;
        let control = send_control(&proxy).await.map_err(no_proxy)?;
        let found = proxy.found()[..planted.len()].iter().filter(|found| **found).count();
        self.blindness.wire(found as u64, u64::from(control), proxy.searched().0);
        Ok(planted)
    }
}

/// The organizer takes the lease back while the driver drives.
async fn take_back(crew: &mut Crew, drive: Drive) -> Result<TakenBack, Failure> {
    let plan = Plan { ends_lease: true, ..plan_from_now(TAKE_BACK_US, Some(drive)) };
    crew.begin(&plan, None).await?;
    sleep_until_us(plan.begin_us + TAKE_BACK_US / 2).await;
    let taken_back = crew.take_back().await?;
    crew.wait_done(None).await?;
    Ok(taken_back)
}

/// Sends random bytes through the proxy as they are; whether it found them.
async fn send_control(proxy: &UdpProxy) -> std::io::Result<bool> {
    let control: [u8; CANARY_BYTES] = random::bytes().map_err(std::io::Error::other)?;
    proxy.watch_for(&control).map_err(std::io::Error::other)?;
    let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    for _ in 0..SETTLE_POLLS {
        socket.send_to(&control, proxy.address()).await?;
        if proxy.found().last() == Some(&true) {
            return Ok(true);
        }
        tokio::time::sleep(SETTLE_POLL).await;
    }
    Ok(false)
}

fn plan_from_now(length_us: u64, drive: Option<Drive>) -> Plan {
    let begin_us = monotonic_us() + LEAD_US;
    Plan { begin_us, end_us: begin_us + length_us, private_to: None, drive, ends_lease: false }
}

fn counts_of(crew: &Crew) -> Vec<Counts> {
    crew.hands.iter().map(|hand| hand.process.counts()).collect()
}

/// Waits until all that was sent has arrived, or long enough.
async fn settle(crew: &Crew) -> Vec<Counts> {
    let mut counts = counts_of(crew);
    for _ in 0..SETTLE_POLLS {
        if Totals::of(&counts).all_arrived() {
            break;
        }
        tokio::time::sleep(SETTLE_POLL).await;
        counts = counts_of(crew);
    }
    counts
}

async fn write_png(crew: &mut Crew, path: PathBuf) -> Result<(), Failure> {
    let path = std::path::absolute(&path).unwrap_or(path);
    let viewer = &mut crew.hands[DRIVER].process;
    viewer.order(&Order::WritePng { path }).await?;
    viewer.wait(|note| matches!(note, Note::PngWritten).then_some(())).await
}

fn summarize(args: &DemoArgs, binary: &RelayBinary, measured: Measured, blindness: &Blindness) -> Summary {
    let Measured { source, screen, seconds, counts, session_code, relay, taken_back, .. } = measured;
    let totals = Totals::of(&counts);
    let (organizer, viewers) =
        counts.split_first().map_or((Counts::default(), &[][..]), |(o, v)| (o.clone(), v));
    let mut latency = Histogram::default();
    viewers.iter().for_each(|viewer| latency.merge(&viewer.frame_latency));
    Summary {
        source,
        relay_binary: binary.name(),
        viewers: usize::from(args.viewers),
        seconds,
        screen,
        frames_sent: organizer.frames_sent,
        frames_received: viewers.iter().map(|viewer| viewer.frames_received).collect(),
        keyframes_decoded: viewers.iter().map(|viewer| viewer.keyframes_decoded).collect(),
        screen_kbit_per_s: organizer.frame_bytes as f64 * 8.0 / 1000.0 / seconds.max(0.001),
        frame_latency_ms: latency.percentiles(),
        input_events_sent: totals.input_sent,
        input_events_applied: totals.input_applied,
        input_events_refused: totals.input_refused,
        input_latency_ms: organizer.input_latency.percentiles(),
        accepted_after_take_back_ms: taken_back.accepted_after_ms,
        input_events_until_take_back: taken_back.accepted,
        alarms: counts.iter().map(|counts| counts.alarms).sum(),
        messages_sent: totals.sent,
        messages_expected: totals.expected,
        messages_received: totals.received,
        private_messages_leaked: totals.leaked,
        codes_equal: session_code.is_some(),
        session_code,
        canaries: *blindness.figures(),
        relay,
        troubles: counts.iter().flat_map(|counts| counts.troubles.iter().cloned()).collect(),
    }
}
