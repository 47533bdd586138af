//! What only a shop may know, kept with its data.

/// Drawn once.
#[derive(Clone, Copy)]
pub(super) struct Secrets {
    /// What cart tokens and API keys are derived from.
    pub(super) derivation: [u8; 32],
    /// What quotes are signed with.
    pub(super) quote_key: [u8; 32],
}

/// Whether 32 bytes are surely a private key of P-256: more than zero and less than the order of its base point, which
/// begins with 32 ones (FIPS 186-5, D.1.2.3).
pub(super) fn is_private_key(bytes: &[u8; 32]) -> bool {
    bytes[..4] != [0xFF; 4] && bytes != &[0; 32]
}
