//! Published test vectors, through the libraries and the functions that the programs use:
//! `cargo test -p isi-tests --features vectors --test vectors`. The files stand in `../shared/vectors` beside the project's folder,
//! or where `ISI_VECTORS_DIR` says; a test that does not find its file fails.
//!
//! RFC 9420, cipher suite 0x0003, as far as OpenMLS's public API reaches. *Whole*: the library does the file's whole
//! verification. *Provider*: the construction of the RFC is written out in the test, over the provider (`OpenMlsCrypto`)
//! that does all of the library's cryptography; the library's own construction is not public, and is covered end to end by the two
//! passive-client files, where one wrong byte of it changes the epoch authenticator.
//!
//! | file | how far | why not further |
//! |---|---|---|
//! | passive-client-welcome | whole | |
//! | passive-client-handling-commit | whole | |
//! | deserialization | whole, and with `isi_wire`'s varints | |
//! | crypto-basics | `sign_with_label` by the library's `Verifiable`; the rest provider | `ExpandWithLabel`, `RefHash` and `EncryptWithLabel` are crate-private |
//! | welcome | decrypted by the library, signature verified | the confirmation tag is checked with a tree alone, and the file has none |
//! | tree-validation | parsed, all leaf signatures verified | tree hashes, parent hashes and resolutions are computed inside of a group alone |
//! | treekem | tree parsed, leaf signatures verified | an update path is applied inside of a group alone |
//! | key-schedule | provider | the schedule is crate-private |
//! | psk_secret | provider, ids as the library writes them | the same |
//! | secret-tree | provider | the same |
//! | transcript-hashes | provider | the same |
//! | message-protection | parsed | a group's secrets cannot be set from outside; both passive-client files unprotect messages of both kinds |
//! | tree-math | not | node indices are crate-private; a wrong one fails the other tree files |

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test these are the failure")]

mod files;
mod mls_clients;
mod mls_messages;
mod mls_secrets;
mod primitives;
mod rfc9180;
mod rfc9605;
mod wycheproof_crypto;
