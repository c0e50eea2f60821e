//! Groups of any size in one process: an account service that vouches for anybody, an organizer, a member that follows, and a
//! crowd of whom there is nothing but their leaves ([`Crowd`]). A [`Scene`] puts one into a session of a relay, and has others ask
//! to be let in.

mod accounts;
mod crowd;
mod joiners;
mod load;
mod organizer;

pub use accounts::{Accounts, CrowdError};
pub use crowd::Crowd;
pub use load::{AdmissionError, AdmissionLoad, Admissions, Dial, Scene};
