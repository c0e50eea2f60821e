use std::path::{Path, PathBuf};

use isi_account::{AccountKey, ClaimsError, Role, StatementClaims, TokenClaims};
use isi_client::RelayUrl;
use isi_client::SessionId;

use super::{
    IDENTITY_SUFFIX, Identity, IdentityError,
    account::{open_account, open_or_make_account},
};
use crate::{
    args::{IssueArgs, StatementArgs},
    clock::unix_s,
    failure::{Exit, Failure},
    hex, random,
    relay_config::CA_FILE,
};

/// Makes identity files for one session.
///
/// # Errors
/// What a person has to correct.
pub fn issue(args: &IssueArgs) -> Result<(), Failure> {
    let people = args.people.iter().map(|text| parse_person(text)).collect::<Result<Vec<_>, _>>()?;
    let relay = format!("isi://{}", args.relay);
    let url: RelayUrl =
        relay.parse().map_err(|error| Failure::of(Exit::Usage, &error).while_doing("--relay"))?;
    let session = args.session.as_deref().map_or_else(new_session, parse_session)?;
    let account = open_or_make_account(&args.folder)?;
    let ca_pem = std::fs::read_to_string(args.folder.join(CA_FILE)).unwrap_or_default(); // none: the system's own
    for (name, role) in people {
        let path = args.folder.join(format!("{name}.{IDENTITY_SUFFIX}"));
        let met_before = args.again && path.exists();
        let identity = if met_before { Identity::load(&path) } else { Identity::draw() };
        let mut identity = identity.map_err(|error| usage(&error))?;
        identity.relay = url.to_string();
        identity.session = hex::encode(&session.0);
        identity.role = role.name().to_owned();
        identity.issuer_keys = account.jwks().to_json().to_owned();
        identity.ca_pem.clone_from(&ca_pem);
        sign(&account, &mut identity, &url, session, role)?;
        identity.save(&path, args.force || met_before).map_err(|error| usage(&error))?;
        eprintln!("made {} ({}), token good for ten minutes", path.display(), role.name());
    }
    eprintln!("session {}; more people: `isi token issue` with --session", hex::encode(&session.0));
    Ok(())
}

/// Puts fresh tokens into identity files.
///
/// # Errors
/// What a person has to correct.
pub fn refresh(folder: &Path, identities: &[PathBuf]) -> Result<(), Failure> {
    let account = open_account(folder)?;
    for path in identities {
        let mut identity = Identity::load(path).map_err(|error| usage(&error))?;
        let url: RelayUrl = identity.relay.parse().map_err(|error| Failure::of(Exit::Usage, &error))?;
        let (session, role) = (parse_session(&identity.session)?, parse_role(&identity.role)?);
        sign(&account, &mut identity, &url, session, role)?;
        identity.save(path, true).map_err(|error| usage(&error))?;
        eprintln!("fresh token in {}", path.display());
    }
    Ok(())
}

/// Prints a statement.
///
/// # Errors
/// What a person has to correct.
pub fn statement(args: &StatementArgs) -> Result<(), Failure> {
    let account = open_account(&args.folder)?;
    let (session, role) = (parse_session(&args.session)?, parse_role(&args.role)?);
    let claims = StatementClaims::for_thumbprint(role, session, &args.subject, &args.thumbprint);
    println!("{}", account.sign_statement(&claims, unix_s()).map_err(|error| claims_failure(&error))?);
    Ok(())
}

fn sign(
    account: &AccountKey,
    identity: &mut Identity,
    url: &RelayUrl,
    session: SessionId,
    role: Role,
) -> Result<(), Failure> {
    let keys = identity.public_keys().map_err(|error| usage(&error))?;
    let token = TokenClaims::new(role, &url.origin(), session, &identity.subject, &keys.connection);
    let statement =
        StatementClaims::for_thumbprint(role, session, &identity.subject, &keys.member_thumbprint);
    let now = unix_s();
    identity.token = account.sign_token(&token, now).map_err(|error| claims_failure(&error))?;
    identity.statement = account.sign_statement(&statement, now).map_err(|error| claims_failure(&error))?;
    Ok(())
}

/// The session of 32 hex digits.
///
/// # Errors
/// When it is something else.
pub fn parse_session(text: &str) -> Result<SessionId, Failure> {
    let bytes = hex::decode(text).and_then(|bytes| bytes.try_into().ok());
    bytes.map(SessionId).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("{text:?} is no session"),
            "a session is 32 hex digits, as `isi token issue` prints it",
        )
    })
}

fn new_session() -> Result<SessionId, Failure> {
    random::bytes().map(SessionId).map_err(|error| Failure::of(Exit::Usage, &error))
}

fn parse_person(text: &str) -> Result<(&str, Role), Failure> {
    let hint = "write NAME=ROLE, as in alice=organizer; letters, digits, - and _ make a name";
    let wrong = || Failure::new(Exit::Usage, format!("{text:?} names nobody"), hint);
    let (name, role) = text.split_once('=').ok_or_else(wrong)?;
    let valid = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.is_empty() || !name.chars().all(valid) {
        return Err(wrong());
    }
    Ok((name, parse_role(role)?))
}

fn parse_role(text: &str) -> Result<Role, Failure> {
    Role::from_name(text).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("{text:?} is no role"),
            "roles are organizer, participant and viewer",
        )
    })
}

fn usage(error: &IdentityError) -> Failure {
    Failure::of(Exit::Usage, error)
}

fn claims_failure(error: &ClaimsError) -> Failure {
    Failure::new(Exit::Usage, error.to_string(), "`isi token issue --help` shows what is expected")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_a_name_and_a_role() {
        assert!(matches!(parse_person("alice=organizer"), Ok(("alice", Role::Organizer))));
        for wrong in ["alice", "=viewer", "a/b=viewer", "alice=king"] {
            assert_eq!(parse_person(wrong).unwrap_err().exit(), Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn sessions_are_sixteen_bytes() {
        assert!(parse_session(&"0a".repeat(16)).is_ok());
        assert!(parse_session("0a").is_err());
        assert!(parse_session("nonsense").is_err());
    }
}
