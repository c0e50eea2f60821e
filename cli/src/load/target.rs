//! The relay that is loaded: one that is there, or one that is started on loopback for the run.

use std::{fs, net::SocketAddr, path::Path};

use isi_account::AccountKey;
use isi_client::RelayUrl;
use isi_load::process::pin_current_thread;

use super::{args::LoadArgs, protocol::Destination};
use crate::{
    demo::{
        relay_process::{RelayBinary, RelayProcess},
        run::make_keys,
    },
    failure::{Exit, Failure},
    relay_config,
    temp::TempFolder,
    token::ACCOUNT_FILE,
};

/// What the own relay's configuration says beyond the usual: no load of this program shall reach these.
const OWN_LIMITS: &str = "\n[limits]\nconnections_max = 200000\nsessions_max = 200000\n";

/// A relay, and how to look at it.
pub struct Relay {
    /// Where loaders go.
    pub destination: Destination,
    /// As rows name it.
    pub system: String,
    /// Its process, when that is on this machine.
    pub pid: Option<u32>,
    /// Its metrics.
    pub admin: Option<SocketAddr>,
    own: Option<(RelayProcess, TempFolder)>,
}

impl Relay {
    /// The one that the arguments name, or a fresh one of its own, on `core` when there is one.
    ///
    /// # Errors
    /// What a person has to correct.
    pub async fn find(args: &LoadArgs, core: Option<usize>) -> Result<Self, Failure> {
        match &args.relay {
            Some(url) => there(args, url).await,
            None => start(args, core).await,
        }
    }

    /// Ends the own relay.
    pub async fn end(self) {
        if let Some((process, _folder)) = self.own {
            process.end().await;
        }
    }
}

async fn start(args: &LoadArgs, core: Option<usize>) -> Result<Relay, Failure> {
    let folder = TempFolder::create().map_err(|error| Failure::of(Exit::Usage, &error))?;
    let binary = RelayBinary::choose(args.relay_bin.clone()).await?;
    let (account, ca_pem) = make_keys(&folder)?;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut text = relay_config::render(any_port, "127.0.0.1:0", Some(any_port), Some(("warn", "relay.log")));
    text += OWN_LIMITS;
    if let Some(core) = core {
        // It begins where this thread is, and counts its processors there. Refused: it runs anywhere.
        let _ = pin_current_thread(core);
    }
    let process = RelayProcess::start_with(&binary, folder.path(), &text).await?;
    let address = process.address();
    let destination = Destination {
        address,
        server_name: address.ip().to_string(),
        origin: address.to_string(),
        ca_pem,
        account: account.to_jwk().to_string(),
    };
    let (pid, admin) = (Some(process.pid()), process.admin());
    Ok(Relay { destination, system: "ours".to_owned(), pid, admin, own: Some((process, folder)) })
}

async fn there(args: &LoadArgs, url: &RelayUrl) -> Result<Relay, Failure> {
    let folder = args.account.as_deref().ok_or_else(|| {
        let hint = "name the folder that `isi token keys` made with --account";
        Failure::new(Exit::Usage, "a relay lets in whom an account key vouches for, and none was given", hint)
    })?;
    let account = AccountKey::load(&folder.join(ACCOUNT_FILE)).map_err(|error| {
        Failure::new(
            Exit::Usage,
            error.to_string(),
            "name the folder that `isi token keys` made with --account",
        )
    })?;
    let unresolved = || {
        let message = format!("there is no address for {}", url.host());
        Failure::new(Exit::Relay, message, "correct the relay's URL, or check that names are resolved here")
    };
    let found = tokio::net::lookup_host((url.host(), url.port())).await;
    let address = found.ok().and_then(|mut found| found.next()).ok_or_else(unresolved)?;
    let destination = Destination {
        address,
        server_name: url.host().to_owned(),
        origin: url.origin(),
        ca_pem: ca_pem(args, folder)?,
        account: account.to_jwk().to_string(),
    };
    Ok(Relay { destination, system: url.to_string(), pid: args.relay_pid, admin: args.admin, own: None })
}

/// The file named, else the one beside the account's key, else the system's own authorities.
fn ca_pem(args: &LoadArgs, folder: &Path) -> Result<String, Failure> {
    match &args.ca {
        Some(path) => fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            Failure::new(Exit::Usage, message, "name the CA file of the relay's certificate with --ca")
        }),
        None => Ok(fs::read_to_string(folder.join(relay_config::CA_FILE)).unwrap_or_default()),
    }
}
