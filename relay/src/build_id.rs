//! Whether two binaries were built from the same source.

/// 32 hex digits over the sources of relay, core and wire, and the lock file. Equal for binaries of the same source,
/// whatever their profile; it says nothing about who built them.
pub const BUILD_ID: &str = env!("ISI_RELAY_BUILD_ID");
