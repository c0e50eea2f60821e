//! `isi certs`: throw-away certificates and a configuration for a relay on loopback.

use isi_certs_dev::DevCertificates;

use crate::{
    args::CertsArgs,
    failure::{Exit, Failure},
    relay_config,
    token::{make_folder, write_file},
};

/// The relay's configuration in its folder.
pub const RELAY_CONFIG_FILE: &str = "relay.toml";

/// Writes them.
///
/// # Errors
/// When the address is not loopback, or files are there already or cannot be written.
pub fn run(args: &CertsArgs) -> Result<(), Failure> {
    if !args.listen.ip().is_loopback() {
        let message =
            format!("{} is not loopback, and throw-away certificates are for loopback only", args.listen);
        return Err(Failure::new(
            Exit::Usage,
            message,
            "use 127.0.0.1, or a certificate of a real authority",
        ));
    }
    let usage = |error: &dyn std::error::Error| Failure::of(Exit::Usage, error);
    let certificates = DevCertificates::generate().map_err(|error| usage(&error))?;
    make_folder(&args.folder).map_err(|error| usage(&error))?;
    let config = relay_config::render(args.listen, &args.listen.to_string(), None, None);
    let files = [
        (relay_config::CA_FILE, certificates.ca_pem(), false),
        (relay_config::CERTIFICATE_FILE, certificates.chain_pem(), false),
        (relay_config::PRIVATE_KEY_FILE, certificates.private_key_pem().to_owned(), true),
        (RELAY_CONFIG_FILE, config, false),
    ];
    for (name, text, secret) in files {
        write_file(&args.folder.join(name), text.as_bytes(), secret, args.force)
            .map_err(|error| usage(&error))?;
    }
    let folder = args.folder.display();
    eprintln!("made certificates for a week and {RELAY_CONFIG_FILE} in {folder}");
    eprintln!("next: isi token issue {folder} --relay {} alice=organizer bob=viewer", args.listen);
    Ok(())
}
