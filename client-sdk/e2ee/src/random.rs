/// Fresh bytes from the operating system.
///
/// # Panics
/// When the system has no random source: then no key can be made at all and no caller could do anything
/// about it. Nothing a peer sends leads here.
#[expect(clippy::expect_used, reason = "without a random source nothing may go on; no peer can cause it")]
pub(crate) fn random_array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    bytes
}
